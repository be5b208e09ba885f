/**
 * The same load on a thousand channels and on a million: rate, memory, bytes written, restart.
 * @module
 */
import { join } from 'node:path'
import { HOT_BYTES } from '../../gateway/state/hotChannels.ts'
import { startGenerator } from '../children.ts'
import { anonymousBytes, writtenBytes } from '../measure.ts'
import type { Chart } from '../report/svg.ts'
import { figure, spreadText, type Table } from '../report/tables.ts'
import { ratioSpread, spread } from '../statistics.ts'
import { type BenchGateway, openBenchGateway } from '../systems/benchGateway.ts'
import type { System } from '../systems/system.ts'
import { atLeast, atMost, type Case, type CaseOptions, type Target } from './case.ts'
import { type Contender, connectTo, type Shape } from './compare.ts'
import { ingestLimits } from './ingest.ts'

const CHANNELS_PER_DEVICE = 64
/** Messages on their way in all, of 64 ticks each, whatever the size. */
const IN_FLIGHT = 32
const WARM_MS = 500
const IDLE_MS = 3_000
/** Messages a second that the prepared ticks are good for. */
const RATE_MAX = 10_000
const MEBIBYTE = 2 ** 20

const sizes = { '1k': 1_000, '10k': 10_000, '100k': 100_000, '1m': 1_000_000 } as const
type SizeName = keyof typeof sizes

type Size = {
  readonly name: SizeName
  readonly channels: number
  readonly gateway: BenchGateway
  readonly contender: Contender
  /** Anonymous memory after a restart with nobody connected, and with everybody. */
  readonly idleBytes: number
  readonly connectedBytes: number
  readonly rates: number[]
  readonly cpuMicrosPerTick: number[]
  readonly bytesPerTick: number[]
}

async function openSize(name: SizeName, options: CaseOptions): Promise<Size> {
  const { folder, onProgress, rounds, seconds } = options
  const devices = Math.ceil(sizes[name] / CHANNELS_PER_DEVICE)
  const channels = devices * CHANNELS_PER_DEVICE
  const startMs = performance.now()
  // One more device for the first tick after the restart.
  const shape = { connections: devices + 1, channels: CHANNELS_PER_DEVICE }
  const gateway = await openBenchGateway(join(folder, name), shape, ingestLimits, options)
  await gateway.restart('SIGTERM')
  await pause(IDLE_MS)
  const idleBytes = anonymousBytes(pidOf(gateway))
  const load: Shape = { ...shape, name, connections: devices, inFlight: IN_FLIGHT, guess: RATE_MAX }
  const contender = await connectTo(withDevices(gateway.system, 0, devices), load)
  const total = RATE_MAX * (rounds + 1) * (seconds + 2 * (WARM_MS / 1_000))
  const messages = Math.ceil(total / devices) + 2
  await contender.generator.ask({ do: 'prepare', messages, windows: 1, jump: 1 })
  const connectedBytes = anonymousBytes(pidOf(gateway))
  onProgress(`scale ${name}: ready after ${figure((performance.now() - startMs) / 1_000)} s`)
  const measured = { rates: [], cpuMicrosPerTick: [], bytesPerTick: [] }
  return { name, channels, gateway, contender, idleBytes, connectedBytes, ...measured }
}

function pidOf(gateway: BenchGateway): number {
  return gateway.process().child.pid
}

function withDevices(system: System, from: number, to: number): System {
  return { ...system, devices: system.devices.slice(from, to) }
}

async function runOnce(size: Size, seconds: number) {
  const { contender, gateway } = size
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
async function restartSeconds({ gateway }: Size): Promise<number> {
  const startMs = performance.now()
  await gateway.restart('SIGKILL')
  const { system } = gateway
  const generator = startGenerator()
  const { port, devices, gateway: plan } = system
  const last = devices.slice(-1)
  await generator.ask({ do: 'connect', port, devices: last, gateway: plan, listen: 'down' })
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
  readonly idleBytes: number
  readonly connectedBytes: number
  readonly restartSeconds: number
}

async function measure(options: CaseOptions): Promise<readonly Figures[]> {
  const { rounds, seconds, parts, onProgress } = options
  const names = (Object.keys(sizes) as SizeName[]).filter(
    (name) => parts.length === 0 || parts.includes(name),
  )
  const open: Size[] = []
  try {
    for (const name of names) open.push(await openSize(name, options))
    for (const size of open) await runOnce(size, Math.min(1, seconds))
    for (let round = 0; round < rounds; round++) {
      for (const size of open) {
        const once = await runOnce(size, seconds)
        size.rates.push(once.rate)
        size.cpuMicrosPerTick.push(once.cpuMicrosPerTick)
        size.bytesPerTick.push(once.bytesPerTick)
        onProgress(`scale ${size.name}: ${figure(once.rate)} ticks/s`)
      }
    }
    const figures: Figures[] = []
    for (const size of open) figures.push(await finish(size))
    return figures
  } finally {
    for (const { gateway } of open) await gateway.system.stop()
  }
}

/** Ends the load, restarts, and checks that nothing acknowledged is missing. */
async function finish(size: Size): Promise<Figures> {
  const { gateway, contender, ...figures } = size
  await contender.generator.stop()
  const seconds = await restartSeconds(size)
  await gateway.verify(contender.acknowledged + CHANNELS_PER_DEVICE)
  return { ...figures, restartSeconds: seconds }
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
    atMost('written to disk, bytes a tick', 200, spread(large.bytesPerTick).median),
    atMost('restart to the first accepted tick, s', 10, large.restartSeconds),
  ]
}

export const scale: Case = {
  name: 'scale',
  about: 'a thousand to a million open channels',
  run: async (options) => {
    const all = await measure(options)
    return {
      targets: targetsOf(all),
      limits: ingestLimits,
      tables: [tableOf(all)],
      charts: chartsOf(all),
      notes: [
        `Devices have ${CHANNELS_PER_DEVICE} channels and send one tick of each in a ` +
          `message; ${IN_FLIGHT} messages are on their way at any time, the devices taking ` +
          'turns, so that the load is the same for all sizes. All devices are connected.',
        'Channels were opened as devices open them: enrolled through the control socket, ' +
          'with a mandate and a signed commitment each, all of it checked.',
        'Anonymous memory is that of a gateway that was restarted and has nobody connected. ' +
          'The restart that is timed follows a kill: newest snapshot, then the tail of the ' +
          'journal.',
      ],
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
      'idle, MiB',
      'connected, MiB',
      'restart, s',
    ],
    rows: all.map((one) => [
      figure(one.channels),
      spreadText(spread(one.rates)),
      spreadText(spread(one.cpuMicrosPerTick)),
      spreadText(spread(one.bytesPerTick)),
      figure(one.idleBytes / MEBIBYTE),
      figure(one.connectedBytes / MEBIBYTE),
      figure(one.restartSeconds),
    ]),
  }
}

function chartsOf(all: readonly Figures[]): readonly Chart[] {
  const line = (name: string, unit: string, pick: (one: Figures) => number): Chart => {
    const points = all.map((one) => ({ x: one.channels, y: pick(one) }))
    return { kind: 'lines', name, unit, xUnit: 'open channels', lines: [{ label: '', points }] }
  }
  return [
    line('scale-rate', 'ticks/s', ({ rates }) => spread(rates).median),
    line('scale-memory', 'MiB', ({ idleBytes }) => idleBytes / MEBIBYTE),
    line('scale-written', 'bytes a tick', ({ bytesPerTick }) => spread(bytesPerTick).median),
    line('scale-restart', 's', (one) => one.restartSeconds),
  ]
}
