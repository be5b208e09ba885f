/**
 * The same load on a thousand channels and on a million: rate, memory, bytes written, restart.
 * @module
 */
import { join } from 'node:path'
import { HOT_BYTES } from '../../gateway/state/hotChannels.ts'
import { startGenerator } from '../children.ts'
import { anonymousBytes, writtenBytes } from '../measure.ts'
import type { Chart, Line, LinesChart } from '../report/svg.ts'
import { figure, spreadText, type Table } from '../report/tables.ts'
import { ratioSpread, spread } from '../statistics.ts'
import { type BenchGateway, openImportedGateway } from '../systems/benchGateway.ts'
import type { System } from '../systems/system.ts'
import { atLeast, atMost, type Case, type CaseOptions, eachPart, type Target } from './case.ts'
import { type Contender, connectTo, type Shape } from './compare.ts'
import { ingestLimits } from './ingest.ts'

const CHANNELS_PER_DEVICE = 64
/** Messages on their way in all, of 64 ticks each, whatever the size. */
const IN_FLIGHT = 32
const WARM_MS = 500
const IDLE_MS = 3_000
/** First guess of messages a second; larger sizes learn from smaller ones. */
const GUESS = 15_000
/** Prepared messages beyond what the last size needed. */
const MARGIN = 1.5
const MEGABYTE = 1e6

const sizes = { '1k': 1_000, '10k': 10_000, '100k': 100_000, '1m': 1_000_000 } as const
type SizeName = keyof typeof sizes
/** Ticks of a channel's first epoch; where that is too short the devices commit again. */
const lengths = { '1k': 64, '10k': 64, '100k': 512, '1m': 64 } as const

/** Seconds of each part of opening a size. */
type Opening = {
  /** Signing the evidence and writing the file. */
  readonly writing: number
  readonly importing: number
  /** From its start until the gateway listens. */
  readonly connecting: number
  /** Until every device has its first ticks ready. */
  readonly preparing: number
}

type Size = {
  readonly name: SizeName
  readonly channels: number
  readonly gateway: BenchGateway
  readonly contender: Contender
  readonly opening: Opening
  /** Anonymous memory after a restart with nobody connected. */
  readonly idleBytes: number
  readonly rates: number[]
  readonly cpuMicrosPerTick: number[]
  readonly bytesPerTick: number[]
}

async function openSize(name: SizeName, guess: number, options: CaseOptions): Promise<Size> {
  const { folder, onProgress } = options
  const devices = Math.ceil(sizes[name] / CHANNELS_PER_DEVICE)
  const channels = devices * CHANNELS_PER_DEVICE
  const shape = { devices, channels: CHANNELS_PER_DEVICE, length: lengths[name] }
  const place = join(folder, name)
  const { gateway, seconds } = await openImportedGateway(place, shape, ingestLimits, options)
  onProgress(`scale ${name}: written in ${figure(seconds.writing)} s`)
  onProgress(`scale ${name}: imported in ${figure(seconds.importing)} s`)
  await pause(IDLE_MS)
  const idleBytes = anonymousBytes(pidOf(gateway))
  const connections = devices
  const load: Shape = { ...shape, name, connections, inFlight: IN_FLIGHT, guess }
  const startMs = performance.now()
  // The first device is for the first tick after the restart.
  const contender = await connectTo(withDevices(gateway.system, 1, 1 + devices), load)
  const connectedMs = performance.now()
  onProgress(`scale ${name}: all connected after ${figure((connectedMs - startMs) / 1_000)} s`)
  await prepareWindow(contender, devices, options)
  const opening = {
    ...seconds,
    connecting: (connectedMs - startMs) / 1_000,
    preparing: (performance.now() - connectedMs) / 1_000,
  }
  onProgress(`scale ${name}: ready after ${figure(opening.preparing)} s more`)
  const measured = { rates: [], cpuMicrosPerTick: [], bytesPerTick: [] }
  return { name, channels, gateway, contender, opening, idleBytes, ...measured }
}

/** Ticks for one window; the epoch lasts for all of them. */
async function prepareWindow(
  { generator, messagesPerSecond }: Contender,
  devices: number,
  { rounds, seconds }: CaseOptions,
): Promise<void> {
  const needed = messagesPerSecond * (seconds + (2 * WARM_MS) / 1_000)
  const messages = Math.ceil(needed / devices) + 2
  await generator.ask({ do: 'prepare', messages, windows: rounds + 1, jump: 1 })
}

function pidOf(gateway: BenchGateway): number {
  return gateway.process().child.pid
}

function withDevices(system: System, from: number, to: number): System {
  return { ...system, devices: system.devices.slice(from, to) }
}

async function runOnce(size: Size, seconds: number, options: CaseOptions) {
  const { contender, gateway, channels } = size
  await prepareWindow(contender, channels / CHANNELS_PER_DEVICE, options)
  const pid = pidOf(gateway)
  const writtenBefore = writtenBytes(pid)
  const window = await contender.generator.measure({
    do: 'rotating',
    inFlight: IN_FLIGHT,
    warmMs: WARM_MS,
    windowMs: seconds * 1_000,
    watch: [pid],
  })
  if (window.exhausted > 0) throw new Error(`scale ${size.name}: no prepared ticks are left`)
  const ticks = window.messages * CHANNELS_PER_DEVICE
  const all = window.acknowledged * CHANNELS_PER_DEVICE
  contender.acknowledged += all
  return {
    rate: ticks / window.seconds,
    cpuMicrosPerTick: (window.cpuMicros[0] ?? 0) / ticks,
    bytesPerTick: (writtenBytes(pid) - writtenBefore) / all,
  }
}

/** Seconds from the kill to the first tick that is accepted again. */
async function restartSeconds(
  { name, gateway }: Size,
  onProgress: CaseOptions['onProgress'],
): Promise<number> {
  const startMs = performance.now()
  await gateway.restart('SIGKILL')
  onProgress(`scale ${name}: listening after ${figure((performance.now() - startMs) / 1_000)} s`)
  const { system } = gateway
  const generator = startGenerator()
  const { port, devices, gateway: plan } = system
  const first = devices.slice(0, 1)
  await generator.ask({ do: 'connect', port, devices: first, gateway: plan, listen: 'down' })
  await generator.ask({ do: 'prepare', messages: 1, windows: 1, jump: 1 })
  await generator.measure({ do: 'closed', inFlight: 1, warmMs: 0, windowMs: 1, watch: [] })
  const seconds = (performance.now() - startMs) / 1_000
  await generator.stop()
  return seconds
}

type Figures = {
  readonly name: SizeName
  readonly channels: number
  readonly rates: readonly number[]
  readonly cpuMicrosPerTick: readonly number[]
  readonly bytesPerTick: readonly number[]
  readonly opening: Opening
  readonly idleBytes: number
  /** Anonymous memory after the last round, everybody connected. */
  readonly loadedBytes: number
  readonly restartSeconds: number
}

/** Opens the sizes that can be opened, each with what the one before it taught. */
async function openSizes(names: readonly SizeName[], open: Size[], options: CaseOptions) {
  let guess = GUESS
  return eachPart(
    names,
    (name) => name,
    async (name) => {
      const size = await openSize(name, guess, options)
      open.push(size)
      const { rate } = await runOnce(size, Math.min(1, options.seconds), options)
      guess = (MARGIN * rate) / CHANNELS_PER_DEVICE
    },
  )
}

type Measured = { readonly all: readonly Figures[]; readonly failures: readonly string[] }

async function measure(options: CaseOptions): Promise<Measured> {
  const { rounds, seconds, parts, onProgress } = options
  const names = (Object.keys(sizes) as SizeName[]).filter(
    (name) => parts.length === 0 || parts.includes(name),
  )
  const open: Size[] = []
  try {
    const { failures } = await openSizes(names, open, options)
    for (let round = 0; round < rounds; round++) {
      for (const size of open) {
        const once = await runOnce(size, seconds, options)
        size.rates.push(once.rate)
        size.cpuMicrosPerTick.push(once.cpuMicrosPerTick)
        size.bytesPerTick.push(once.bytesPerTick)
        onProgress(`scale ${size.name}: ${figure(once.rate)} ticks/s`)
      }
    }
    const finished = await eachPart(
      open,
      ({ name }) => name,
      (size) => finish(size, onProgress),
    )
    return { all: finished.measured, failures: [...failures, ...finished.failures] }
  } finally {
    for (const { gateway } of open) await gateway.system.stop()
  }
}

/** Ends the load, restarts, and checks that nothing acknowledged is missing. */
async function finish(size: Size, onProgress: CaseOptions['onProgress']): Promise<Figures> {
  const { gateway, contender, ...figures } = size
  const loadedBytes = anonymousBytes(pidOf(gateway))
  await contender.generator.stop()
  const seconds = await restartSeconds(size, onProgress)
  onProgress(`scale ${size.name}: first tick accepted ${figure(seconds)} s after the kill`)
  await gateway.verify(contender.acknowledged + CHANNELS_PER_DEVICE)
  return { ...figures, loadedBytes, restartSeconds: seconds }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}

function targetsOf(all: readonly Figures[]): readonly Target[] {
  const [small, large] = [all[0], all.at(-1)]
  if (!small || !large) return []
  const share = ratioSpread(large.rates, small.rates).median
  return [
    atLeast(`rate at ${large.name}, share of that at ${small.name}`, 0.8, share),
    atMost('hot state, bytes a channel', 256, HOT_BYTES),
    atMost(`anonymous memory at ${large.name}, MB`, 600, large.idleBytes / 1e6),
    atMost(`the same with all connected and ticking, MB`, 600, large.loadedBytes / 1e6),
    atMost('written to disk, bytes a tick', 200, spread(large.bytesPerTick).median),
    atMost('restart to the first accepted tick, s', 10, large.restartSeconds),
  ]
}

export const scale: Case = {
  name: 'scale',
  about: 'a thousand to a million open channels',
  run: async (options) => {
    const { all, failures } = await measure(options)
    return {
      targets: targetsOf(all),
      limits: ingestLimits,
      tables: [tableOf(all)],
      charts: chartsOf(all),
      notes: [
        `Devices have ${CHANNELS_PER_DEVICE} channels and send one tick of each in a ` +
          `message; ${IN_FLIGHT} messages are on their way at any time, the devices taking ` +
          'turns, so that the load is the same for all sizes. All devices are connected: a ' +
          'million channels are 15,625 connections.',
        'Channels come in by `tickpay channels import`, from a file in which every device and ' +
          'the fleet have signed for each of them; every signature is checked, two a channel, ' +
          'and so is all that is checked when a channel opens by messages. "Imported in" is the ' +
          'time of that program. "Connected in" is the time in which all devices log in and are ' +
          'told of all their channels. Where an epoch of the file is too short for what follows, ' +
          'its device commits to another.',
        'Anonymous memory (RssAnon) is that of a gateway that was restarted and has nobody ' +
          'connected, and that of the same gateway after the last round. Bytes written are ' +
          "`write_bytes` of the gateway's `/proc/PID/io`: journal, snapshots and database.",
        'The restart that is timed follows a kill: newest snapshot, then the tail of the ' +
          'journal, then a login, a commitment and a tick. Its time begins with the kill.',
      ],
      failures,
      figures: all,
    }
  },
}

function tableOf(all: readonly Figures[]): Table {
  return {
    title: 'By open channels',
    columns: [
      'channels',
      'ticks/s',
      'CPU us a tick',
      'bytes written a tick',
      'idle, MB',
      'all connected, MB',
      'restart, s',
      'imported in, s',
      'connected in, s',
    ],
    rows: all.map((one) => [
      figure(one.channels),
      spreadText(spread(one.rates)),
      spreadText(spread(one.cpuMicrosPerTick)),
      spreadText(spread(one.bytesPerTick)),
      figure(one.idleBytes / MEGABYTE),
      figure(one.loadedBytes / MEGABYTE),
      figure(one.restartSeconds),
      figure(one.opening.importing),
      figure(one.opening.connecting),
    ]),
  }
}

type Pick = (one: Figures) => number

function chartsOf(all: readonly Figures[]): readonly Chart[] {
  const line = (label: string, pick: Pick): Line => {
    return { label, points: all.map((one) => ({ x: one.channels, y: pick(one) })) }
  }
  const chart = (name: string, unit: string, lines: readonly Line[]): LinesChart => {
    return { kind: 'lines', name: `scale-${name}`, unit, xUnit: 'open channels', lines }
  }
  const rate = line('rate', ({ rates }) => spread(rates).median)
  const idle = line('nobody connected', ({ idleBytes }) => idleBytes / MEGABYTE)
  const loaded = line('all connected', ({ loadedBytes }) => loadedBytes / MEGABYTE)
  const written = line('written', ({ bytesPerTick }) => spread(bytesPerTick).median)
  const restart = line('restart', (one) => one.restartSeconds)
  return [
    chart('rate', 'ticks/s', [rate]),
    { ...chart('hot-state', 'bytes a channel', [line('hot state', () => HOT_BYTES)]), bound: 256 },
    { ...chart('memory', 'MB of anonymous memory', [idle, loaded]), bound: 600 },
    { ...chart('written', 'bytes written a tick', [written]), bound: 200 },
    { ...chart('restart', 's to the first accepted tick', [restart]), bound: 10 },
  ]
}
