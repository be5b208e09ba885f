/**
 * What the agent needs on its small computer.
 * @module
 */
import { join } from 'node:path'
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import { cpuMicros, residentBytes, writtenBytes } from '../measure.ts'
import type { Line } from '../report/svg.ts'
import { figure, spreadText, type Table } from '../report/tables.ts'
import { type Spread, spread } from '../statistics.ts'
import { bundleAgent, startAgentSite } from '../systems/agentSite.ts'
import { acceptedNow, type GatewayProcess, makeGateway, startGateway } from '../systems/gateway.ts'
import { runArm64 } from './agentArm64.ts'
import { atMost, type Case, type CaseOptions, eachPart } from './case.ts'

const TICKS_PER_SECOND = 200
/** A meter that ticks 200 times a second is at the hash budget of its channel: room for jitter. */
const limits = { hashesPerSecond: 400, hashesBurst: 2_048 }

type Site = { readonly meters: number; readonly ticksPerSecond: number }
const sites: readonly Site[] = [
  ...[1, 4, 16].map((meters) => ({ meters, ticksPerSecond: TICKS_PER_SECOND })),
  ...[4, 16].map((meters) => ({ meters, ticksPerSecond: meters * TICKS_PER_SECOND })),
]
const WARM_SECONDS = 3
const START_TIMEOUT_MS = 60_000
const POLL_SECONDS = 0.2
const SECONDS_MIN = 4
const SECONDS_A_DAY = 86_400
const RECORDS_A_DAY = 24
const MEGABYTE = 1e6
const KILOBYTE = 1e3

type Window = {
  readonly ticksPerSecond: number
  readonly cpuMicrosPerTick: number
  readonly wireBytesPerTick: number
  readonly writtenBytes: number
  readonly seconds: number
}

type Measured = {
  readonly site: Site
  readonly windows: readonly Window[]
  readonly residentBytes: number
  /** Written from its start to its first hourly record, that included. */
  readonly startBytes: number
  /** Commitments that the gateway accepted from this agent. */
  readonly commitments: number
  readonly ticks: number
}

async function measure(site: Site, bundle: string, options: CaseOptions): Promise<Measured> {
  const { rounds, onProgress } = options
  const seconds = Math.max(SECONDS_MIN, options.seconds)
  const { meters, ticksPerSecond: wanted } = site
  const folder = join(options.folder, `${meters}-${wanted}`)
  const place = await makeGateway(join(folder, 'gateway'), limits, options.profile)
  const gateway = await startGateway(place)
  const running = await startAgentSite(join(folder, 'site'), bundle, gateway, meters, wanted)
  try {
    await untilAllTick(gateway, meters)
    await pause(WARM_SECONDS)
    const { pid } = running.agent
    const startBytes = writtenBytes(pid)
    const windows: Window[] = []
    for (let round = 0; round < rounds; round++) {
      const window = await measureWindow(pid, running.wireBytes, gateway, seconds)
      windows.push(window)
      const { ticksPerSecond, cpuMicrosPerTick } = window
      onProgress(
        `agent, ${meters} meters: ${figure(ticksPerSecond)} ticks/s, ` +
          `${figure(cpuMicrosPerTick)} us`,
      )
    }
    const commitments = await commitmentsOf(gateway)
    const ticks = await acceptedNow(gateway)
    const { peak } = residentBytes(pid)
    return { site, windows, residentBytes: peak, startBytes, commitments, ticks }
  } finally {
    await running.stop()
    await gateway.child.stop('SIGKILL')
  }
}

/** Starting the programs and opening the channels is not what is measured. */
async function untilAllTick({ calls }: GatewayProcess, meters: number): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const channels = (await calls.call('channels', {})) as readonly { readonly index: number }[]
    const ticking = channels.filter(({ index }) => index > 0).length
    if (ticking === meters) return
    if (performance.now() > deadlineMs) throw new Error(`only ${ticking} meters are paid for`)
    await pause(POLL_SECONDS)
  }
}

async function measureWindow(
  pid: number,
  wireBytes: () => number,
  gateway: GatewayProcess,
  seconds: number,
): Promise<Window> {
  const sample = async () => ({
    atMs: performance.now(),
    ticks: await acceptedNow(gateway),
    cpu: cpuMicros(pid),
    wire: wireBytes(),
    written: writtenBytes(pid),
  })
  const before = await sample()
  await pause(seconds)
  const after = await sample()
  const ticks = after.ticks - before.ticks
  const elapsed = (after.atMs - before.atMs) / 1_000
  return {
    ticksPerSecond: ticks / elapsed,
    cpuMicrosPerTick: (after.cpu - before.cpu) / ticks,
    wireBytesPerTick: (after.wire - before.wire) / ticks,
    writtenBytes: after.written - before.written,
    seconds: elapsed,
  }
}

async function commitmentsOf({ calls }: GatewayProcess): Promise<number> {
  const status = (await calls.call('status', {})) as {
    readonly signatures: { readonly commitments: Readonly<Record<string, number>> }
  }
  return Object.values(status.signatures.commitments).reduce((sum, count) => sum + count, 0)
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
}

function of(measured: Measured, pick: (window: Window) => number): Spread {
  return spread(measured.windows.map(pick))
}

/** What was written in the windows, and one record an hour as large as all that its start wrote. */
function bytesADay({ windows, startBytes }: Measured): number {
  const written = windows.reduce((sum, window) => sum + window.writtenBytes, 0)
  const seconds = windows.reduce((sum, window) => sum + window.seconds, 0)
  return (written / seconds) * SECONDS_A_DAY + RECORDS_A_DAY * startBytes
}

export const agent: Case = {
  name: 'agent',
  about: 'memory, CPU, wire and disk of one agent with 1, 4 and 16 meters',
  run: async (options) => {
    const bundle = bundleAgent(options.folder)
    const { measured: all, failures } = await eachPart(
      sites,
      ({ meters, ticksPerSecond }) => `${meters} meters, ${ticksPerSecond} ticks/s`,
      (site) => measure(site, bundle, options),
    )
    const arm64 = await eachPart(
      ['arm64'],
      (name) => name,
      () => runArm64(join(options.folder, 'arm64'), bundle),
    )
    const inAll = all.filter(({ site }) => site.ticksPerSecond === TICKS_PER_SECOND)
    const each = all.filter(({ site }) => site.ticksPerSecond === site.meters * TICKS_PER_SECOND)
    return {
      targets: [
        atMost(
          'RSS in MB, the most of all',
          80,
          Math.max(...all.map((one) => one.residentBytes / MEGABYTE)),
        ),
        atMost('CPU us a tick, every meter at 200 ticks/s, the most of all', 100, mostCpu(each)),
        atMost('CPU us a tick, 200 ticks/s in all, the most of all', 100, mostCpu(inAll)),
      ],
      limits,
      tables: [tableOf(all)],
      charts: [
        {
          kind: 'lines',
          name: 'agent',
          unit: 'CPU us a tick',
          xUnit: 'meters',
          lines: [lineOf('200/s in all', inAll), lineOf('200/s each', each)],
        },
      ],
      notes: [
        'The bundle that devices carry, its meters simulated by processes of their own over ' +
          `TCP and read as often as usual; ${TICKS_PER_SECOND} ticks a second in all, or of ` +
          'every meter, one unit a tick. Reading the meters is part of the CPU.',
        'A tick is one unit; a message shows the newest, so it may move a channel on by ' +
          'many. Signatures are those from the start on; in the long run an epoch of ' +
          `${EPOCH_LENGTH_TICKS_MAX} ticks takes one.`,
        `As arm64 under QEMU, for correctness only: ${arm64.measured[0] ?? 'failed'}.`,
      ],
      failures: [...failures, ...arm64.failures],
      figures: { all, arm64: arm64.measured[0] },
    }
  },
}

const cpuOf = (one: Measured) => of(one, ({ cpuMicrosPerTick }) => cpuMicrosPerTick)

function mostCpu(some: readonly Measured[]): number {
  return Math.max(...some.map((one) => cpuOf(one).median))
}

function lineOf(label: string, some: readonly Measured[]): Line {
  return { label, points: some.map((one) => ({ x: one.site.meters, y: cpuOf(one).median })) }
}

function tableOf(all: readonly Measured[]): Table {
  return {
    title: 'One agent',
    columns: [
      'meters',
      'ticks/s',
      'CPU us a tick',
      'RSS, MB',
      'wire, bytes a tick',
      'written a day, kB',
      'signatures per 10,000 ticks',
    ],
    rows: all.map((one) => [
      `${one.site.meters}`,
      spreadText(of(one, ({ ticksPerSecond }) => ticksPerSecond)),
      spreadText(cpuOf(one)),
      figure(one.residentBytes / MEGABYTE),
      spreadText(of(one, ({ wireBytesPerTick }) => wireBytesPerTick)),
      figure(bytesADay(one) / KILOBYTE),
      figure((one.commitments * 10_000) / one.ticks),
    ]),
  }
}
