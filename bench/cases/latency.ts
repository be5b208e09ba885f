/**
 * How long a tick waits for its durable acknowledgement at half of what the gateway can carry.
 * @module
 */
import { join } from 'node:path'
import { type Disk, probeDisk } from '../disk.ts'
import { figure, spreadText, type Table } from '../report/tables.ts'
import { ratioSpread, type Spread, spread } from '../statistics.ts'
import { openBenchGateway } from '../systems/benchGateway.ts'
import { startAedes } from '../systems/brokers.ts'
import { plainDevices, type SystemName, systemNames } from '../systems/system.ts'
import { atMost, type Case, type CaseOptions } from './case.ts'
import {
  type Contender,
  contend,
  type OpenRound,
  openRound,
  runRound,
  shareText,
} from './compare.ts'
import { ingestLimits, shapes } from './ingest.ts'

const LOAD_SHARE = 0.5
const MICROS_PER_MS = 1_000
/** In an open loop a message is alone on its connection, as in this shape. */
const shape = shapes.a

type Measured = {
  readonly system: SystemName
  readonly p50: Spread
  readonly p99: Spread
  readonly p999: Spread
  readonly generatorShare: Spread
}

type Result = {
  /** Ticks a second of the gateway in a closed loop. */
  readonly maximum: number
  readonly messagesPerSecond: number
  readonly measured: readonly Measured[]
  /** An append and its fdatasync in ms on the disk of the store, before each round. */
  readonly sync: { readonly p50: Spread; readonly p99: Spread }
  /** The gateway's p99 as multiples of bare aedes', round by round. */
  readonly multiple: Spread
}

async function measure(options: CaseOptions): Promise<Result> {
  const { folder } = options
  const plain = plainDevices(shape.connections, shape.channels)
  const gateway = await openBenchGateway(join(folder, 'gateway'), shape, ingestLimits, options)
  const systems = [gateway.system]
  try {
    systems.push(await startAedes(plain))
    const contenders = await contend(systems, shape)
    const result = await openLoops(contenders, options)
    await gateway.verify(contenders[0]?.acknowledged ?? 0)
    for (const { generator } of contenders) await generator.stop()
    return result
  } finally {
    for (const { stop } of systems) await stop()
  }
}

async function openLoops(
  contenders: readonly Contender[],
  { rounds, seconds, folder, onProgress }: CaseOptions,
): Promise<Result> {
  const maxima: number[] = []
  for (const contender of contenders) {
    await runRound(contender, shape, Math.min(1, seconds))
    maxima.push((await runRound(contender, shape, seconds)).ticksPerSecond)
  }
  const maximum = maxima[0] ?? 0
  const messagesPerSecond = Math.round(maximum * LOAD_SHARE)
  const kept = contenders.map((): OpenRound[] => [])
  const disks: Disk[] = []
  for (let round = 0; round < rounds; round++) {
    disks.push(await probeDisk(folder))
    for (const [place, contender] of contenders.entries()) {
      const result = await openRound(contender, shape, seconds, messagesPerSecond)
      kept[place]?.push(result)
      const { p50, p99 } = result.latencies
      onProgress(`latency ${contender.system.name}: p50 ${figure(p50)} us, p99 ${figure(p99)} us`)
    }
  }
  const measured = contenders.map((one, place) => summary(one.system.name, kept[place] ?? []))
  const [own = [], other = []] = kept.map((all) => all.map(({ latencies }) => latencies.p99))
  const sync = {
    p50: spread(disks.map(({ syncP50 }) => syncP50 / MICROS_PER_MS)),
    p99: spread(disks.map(({ syncP99 }) => syncP99 / MICROS_PER_MS)),
  }
  return { maximum, messagesPerSecond, measured, sync, multiple: ratioSpread(own, other) }
}

function summary(system: SystemName, rounds: readonly OpenRound[]): Measured {
  const milliseconds = (name: 'p50' | 'p99' | 'p999') =>
    spread(rounds.map(({ latencies }) => latencies[name] / MICROS_PER_MS))
  return {
    system,
    p50: milliseconds('p50'),
    p99: milliseconds('p99'),
    p999: milliseconds('p999'),
    generatorShare: spread(rounds.map((round) => round.generatorShare)),
  }
}

export const latency: Case = {
  name: 'latency',
  about: 'from a tick to its durable acknowledgement at half of the maximum',
  run: async (options) => {
    const result = await measure(options)
    const { measured, multiple, maximum, messagesPerSecond, sync } = result
    return {
      targets: [
        atMost('p99 as a multiple of that of bare aedes', 5, multiple.median),
        atMost('p99 in ms', 20, measured[0]?.p99.median ?? Number.NaN),
      ],
      limits: ingestLimits,
      tables: [tableOf(measured, sync)],
      charts: [
        {
          kind: 'bars',
          name: 'latency',
          unit: 'ms',
          groups: (['p50', 'p99'] as const).map((name) => ({
            title: name,
            bars: measured.map((one) => ({
              label: systemNames[one.system],
              value: one[name].median,
              low: one[name].min,
              high: one[name].max,
              isOwn: one.system === 'gateway',
            })),
          })),
        },
      ],
      notes: [
        `Open loop over ${shape.connections} connections: ${figure(messagesPerSecond)} ticks ` +
          `a second are sent whatever comes back, half of the ${figure(maximum)} that the ` +
          'gateway carried in a closed loop just before. The time of a tick begins when it was ' +
          'due.',
        'Ticks are due at any time and sent once a millisecond, so up to 1 ms of every ' +
          'figure is the generator.',
      ],
      figures: result,
    }
  },
}

function tableOf(measured: readonly Measured[], sync: Result['sync']): Table {
  return {
    title: 'Milliseconds from a tick to its acknowledgement',
    columns: ['system', 'p50', 'p99', 'p99.9', 'generator, cores'],
    rows: [
      ...measured.map((one) => [
        systemNames[one.system],
        spreadText(one.p50),
        spreadText(one.p99),
        spreadText(one.p999),
        shareText(one.generatorShare.median),
      ]),
      ['fdatasync of 16 KiB alone', spreadText(sync.p50), spreadText(sync.p99), '', ''],
    ],
  }
}
