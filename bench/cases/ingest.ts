/**
 * How many ticks a second go from a device to a durable acknowledgement, beside brokers that make
 * nothing durable and know nothing of money.
 * @module
 */
import { join } from 'node:path'
import { figure, spreadText, type Table } from '../report/tables.ts'
import type { Spread } from '../statistics.ts'
import { openBenchGateway } from '../systems/benchGateway.ts'
import { startAedes, startMosquittoAlone, startMosquittoSubscriber } from '../systems/brokers.ts'
import { plainDevices, type System, systemNames } from '../systems/system.ts'
import { atLeast, type Case, type CaseOptions, eachPart, type Target } from './case.ts'
import {
  alternate,
  type Contender,
  contend,
  type Row,
  rowOf,
  type Shape,
  shareOf,
  shareText,
} from './compare.ts'

export const shapes = {
  a: {
    name: 'a: 1,000 connections, 1 in flight',
    connections: 1_000,
    channels: 1,
    inFlight: 1,
    guess: 30_000,
  },
  b: {
    name: 'b: 1,000 connections, 10 in flight',
    connections: 1_000,
    channels: 1,
    inFlight: 10,
    guess: 40_000,
  },
  c: {
    name: 'c: 200 connections, 50 in flight',
    connections: 200,
    channels: 1,
    inFlight: 50,
    guess: 40_000,
  },
  d: {
    name: 'd: 200 concentrators, 64 ticks a message',
    connections: 200,
    channels: 64,
    inFlight: 4,
    guess: 5_000,
  },
} as const satisfies Record<string, Shape>
type ShapeName = keyof typeof shapes
const names = ['a', 'b', 'c', 'd'] as const

/** What the shapes need beyond the limits for single devices. */
export const ingestLimits = {
  messagesPerSecond: 1_000_000,
  messagesBurst: 1_000_000,
  hashesPerSecond: 1_000_000,
  hashesBurst: 1_000_000,
  inFlight: 64,
  channelsPerDevice: 64,
  'fraud.rules.velocity.ticks': 1_000_000_000,
  'fraud.rules.impossible_power.whPerSecond': 1_000_000_000,
}

type Measured = {
  readonly name: ShapeName
  readonly rows: readonly Row[]
  /** The gateway's rate as shares of the others', round by round. */
  readonly shares: Readonly<Record<string, Spread>>
}

async function measureShape(name: ShapeName, options: CaseOptions): Promise<Measured> {
  const shape: Shape = shapes[name]
  const { rounds, seconds, onProgress } = options
  const folder = join(options.folder, name)
  const systems: System[] = []
  const plain = plainDevices(shape.connections, shape.channels)
  const gateway = await openBenchGateway(join(folder, 'gateway'), shape, ingestLimits, options)
  try {
    systems.push(gateway.system)
    systems.push(await startAedes(plain))
    systems.push(await startMosquittoAlone(folder, plain))
    systems.push(await startMosquittoSubscriber(folder, plain))
    const contenders = await contend(systems, shape)
    await alternate(contenders, shape, rounds, seconds, ({ system }, round) => {
      const { ticksPerSecond, generatorShare } = round
      const share = `generator ${figure(generatorShare)} of a core`
      onProgress(`${name} ${system.name}: ${figure(ticksPerSecond)} ticks/s, ${share}`)
    })
    const [own] = contenders
    if (own) await gateway.verify(own.acknowledged)
    for (const { generator } of contenders) await generator.stop()
    return {
      name,
      rows: contenders.map((contender) => rowOf(contender, shape)),
      shares: sharesOf(contenders),
    }
  } finally {
    for (const { stop } of systems) await stop()
  }
}

function sharesOf([own, ...others]: readonly Contender[]): Readonly<Record<string, Spread>> {
  if (own === undefined) return {}
  return Object.fromEntries(others.map((other) => [other.system.name, shareOf(own, other)]))
}

const bounds: readonly (readonly [ShapeName, 'aedes' | 'subscriber', number])[] = [
  ['a', 'aedes', 0.8],
  ['b', 'aedes', 0.9],
  ['c', 'aedes', 0.95],
  ['b', 'subscriber', 1.5],
  ['c', 'subscriber', 1.5],
]

function targetsOf(measured: readonly Measured[]): readonly Target[] {
  const of = (shape: ShapeName) => measured.find(({ name }) => name === shape)
  const [c, d] = [of('c'), of('d')].map((one) => one?.rows[0]?.ticksPerSecond.median)
  return [
    ...bounds.flatMap(([name, other, bound]) => {
      const share = of(name)?.shares[other]
      const title = `(${name}) rate of ${systemNames[other]}`
      return share ? [atLeast(title, bound, share.median)] : []
    }),
    ...(c !== undefined && d !== undefined ? [atLeast('(d) tick rate of (c)', 5, d / c)] : []),
  ]
}

export const ingest: Case = {
  name: 'ingest',
  about: 'ticks from a device to a durable acknowledgement, beside bare brokers',
  run: async (options) => {
    const { parts } = options
    const wanted = names.filter((name) => parts.length === 0 || parts.includes(name))
    const { measured, failures } = await eachPart(
      wanted,
      (name) => shapes[name].name,
      (name) => measureShape(name, options),
    )
    const groups = measured.map(({ rows }) => rows)
    return {
      targets: targetsOf(measured),
      limits: ingestLimits,
      tables: [tableOf(groups.flat())],
      charts: [
        {
          kind: 'bars',
          name: 'ingest',
          unit: 'ticks/s',
          groups: groups.map((rows) => ({ title: rows[0]?.shape ?? '', bars: rows.map(barOf) })),
        },
      ],
      notes: [
        'Devices of the gateway listen to `down/...` as agents do: beside the PUBACK they ' +
          'get and acknowledge the ack of every batch. The brokers send no more than the ' +
          'PUBACK.',
        'Ticks of (d) are 64 times its messages. What is sent to the brokers is not looked at ' +
          'there, so the same packets go out again and again; the gateway gets new ticks.',
        'A tick through Mosquitto with a subscriber counts when the subscriber has it.',
        'After the last round the gateway is killed and its store opened again: it must hold ' +
          'every acknowledged tick, and no other.',
      ],
      failures,
      figures: measured,
    }
  },
}

export function barOf(row: Row) {
  const { median, min, max } = row.ticksPerSecond
  const label = systemNames[row.system]
  return { label, value: median, low: min, high: max, isOwn: row.system === 'gateway' }
}

function tableOf(rows: readonly Row[]): Table {
  return {
    title: 'Ticks acknowledged a second',
    columns: ['shape', 'system', 'ticks/s', 'CPU us a tick', 'generator, cores'],
    rows: rows.map((row) => [
      row.shape,
      systemNames[row.system],
      spreadText(row.ticksPerSecond),
      spreadText(row.cpuMicrosPerTick),
      shareText(row.generatorShare.median),
    ]),
  }
}
