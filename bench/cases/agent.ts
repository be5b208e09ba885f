/**
 * What the agent needs on its small computer.
 * @module
 */
import { join } from 'node:path'
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import { cpuMicros, residentBytes, writtenBytes } from '../measure.ts'
import { figure, spreadText, type Table } from '../report/tables.ts'
import { type Spread, spread } from '../statistics.ts'
import { bundleAgent, startAgentSite } from '../systems/agentSite.ts'
import { acceptedNow, type GatewayProcess, makeGateway, startGateway } from '../systems/gateway.ts'
import { atMost, type Case, type CaseOptions } from './case.ts'

const TICKS_PER_SECOND = 200
const METERS = [1, 4, 16] as const
const WARM_SECONDS = 5
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
  readonly meters: number
  readonly windows: readonly Window[]
  readonly residentBytes: number
  /** Written from its start to its first hourly record, that included. */
  readonly startBytes: number
  /** Commitments that the gateway accepted from this agent. */
  readonly commitments: number
  readonly ticks: number
}

async function measure(meters: number, bundle: string, options: CaseOptions): Promise<Measured> {
  const { rounds, onProgress } = options
  const seconds = Math.max(SECONDS_MIN, options.seconds)
  const folder = join(options.folder, `${meters}`)
  const place = await makeGateway(join(folder, 'gateway'), {}, options.profile)
  const gateway = await startGateway(place)
  const site = await startAgentSite(join(folder, 'site'), bundle, gateway, meters, TICKS_PER_SECOND)
  try {
    await pause(WARM_SECONDS)
    const { pid } = site.agent
    const startBytes = writtenBytes(pid)
    const windows: Window[] = []
    for (let round = 0; round < rounds; round++) {
      const window = await measureWindow(pid, site.wireBytes, gateway, seconds)
      windows.push(window)
      const { ticksPerSecond, cpuMicrosPerTick } = window
      onProgress(
        `agent, ${meters} meters: ${figure(ticksPerSecond)} ticks/s, ${figure(cpuMicrosPerTick)} us`,
      )
    }
    const commitments = await commitmentsOf(gateway)
    const ticks = await acceptedNow(gateway)
    const { peak } = residentBytes(pid)
    return { meters, windows, residentBytes: peak, startBytes, commitments, ticks }
  } finally {
    await site.stop()
    await gateway.child.stop('SIGKILL')
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
    const all: Measured[] = []
    for (const meters of METERS) all.push(await measure(meters, bundle, options))
    const worst = (pick: (measured: Measured) => number) => Math.max(...all.map(pick))
    return {
      targets: [
        atMost(
          'RSS in MB, the most of all',
          80,
          worst((one) => one.residentBytes / MEGABYTE),
        ),
        atMost(
          'CPU us a tick, the most of all',
          100,
          worst((one) => of(one, ({ cpuMicrosPerTick }) => cpuMicrosPerTick).median),
        ),
      ],
      limits: {},
      tables: [tableOf(all)],
      charts: [
        {
          kind: 'lines',
          name: 'agent',
          unit: 'CPU us a tick',
          xUnit: 'meters',
          lines: [
            {
              label: '',
              points: all.map((one) => ({
                x: one.meters,
                y: of(one, ({ cpuMicrosPerTick }) => cpuMicrosPerTick).median,
              })),
            },
          ],
        },
      ],
      notes: [
        `The bundle that devices carry, its meters simulated by processes of their own over TCP and read as often as usual; ${TICKS_PER_SECOND} ticks a second in all, one unit each. Reading the meters is part of the CPU.`,
        `A tick is one unit; a message shows the newest, so it may move a channel on by many. Signatures are those from the start on; in the long run an epoch of ${EPOCH_LENGTH_TICKS_MAX} ticks takes one.`,
      ],
      figures: all,
    }
  },
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
      `${one.meters}`,
      spreadText(of(one, ({ ticksPerSecond }) => ticksPerSecond)),
      spreadText(of(one, ({ cpuMicrosPerTick }) => cpuMicrosPerTick)),
      figure(one.residentBytes / MEGABYTE),
      spreadText(of(one, ({ wireBytesPerTick }) => wireBytesPerTick)),
      figure(bytesADay(one) / KILOBYTE),
      figure((one.commitments * 10_000) / one.ticks),
    ]),
  }
}
