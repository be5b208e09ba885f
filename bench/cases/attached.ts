/**
 * The gateway as a client of an external broker, beside the least that anything behind a broker
 * does: one subscriber that only counts.
 * @module
 */
import { join } from 'node:path'
import { figure, spreadText, type Table } from '../report/tables.ts'
import type { Spread } from '../statistics.ts'
import { openAttachedGateway } from '../systems/attachedGateway.ts'
import { startMosquittoSubscriber } from '../systems/brokers.ts'
import { plainDevices, type System, systemNames } from '../systems/system.ts'
import { atLeast, type Case, type CaseOptions, eachPart } from './case.ts'
import { alternate, contend, type Row, rowOf, type Shape, shareOf, shareText } from './compare.ts'
import { barOf, ingestLimits, shapes } from './ingest.ts'

const names = ['a', 'b', 'c'] as const
type ShapeName = (typeof names)[number]

type Measured = {
  readonly name: ShapeName
  readonly rows: readonly Row[]
  /** The gateway's rate as a share of the bare subscriber's, round by round. */
  readonly share: Spread
}

async function measureShape(name: ShapeName, options: CaseOptions): Promise<Measured> {
  const shape: Shape = shapes[name]
  const { rounds, seconds, onProgress } = options
  const folder = join(options.folder, name)
  const systems: System[] = []
  const gateway = await openAttachedGateway(folder, shape, ingestLimits, options)
  try {
    systems.push(gateway.system)
    const plain = plainDevices(shape.connections, shape.channels)
    systems.push(await startMosquittoSubscriber(folder, plain))
    const contenders = await contend(systems, shape)
    await alternate(contenders, shape, rounds, seconds, ({ system }, round) => {
      onProgress(`${name} ${system.name}: ${figure(round.ticksPerSecond)} ticks/s`)
    })
    const [own, other] = contenders
    if (!own || !other) throw new Error('two systems are compared')
    for (const { generator } of contenders) await generator.stop()
    await gateway.verify(own.acknowledged)
    const rows = contenders.map((contender) => rowOf(contender, shape))
    return { name, rows, share: shareOf(own, other) }
  } finally {
    for (const { stop } of systems) await stop()
  }
}

export const attached: Case = {
  name: 'attached',
  about: 'the gateway as a client of Mosquitto, beside a subscriber that only counts',
  run: async (options) => {
    const { parts } = options
    const wanted = names.filter((name) => parts.length === 0 || parts.includes(name))
    const { measured, failures } = await eachPart(
      wanted,
      (name) => shapes[name].name,
      (name) => measureShape(name, options),
    )
    return {
      targets: measured.map(({ name, share }) =>
        atLeast(`(${name}) rate of a bare subscriber`, 0.8, share.median),
      ),
      limits: ingestLimits,
      tables: [tableOf(measured.flatMap(({ rows }) => rows))],
      charts: [
        {
          kind: 'bars',
          name: 'attached',
          unit: 'ticks/s',
          groups: measured.map(({ rows }) => {
            return { title: rows[0]?.shape ?? '', bars: rows.map(barOf) }
          }),
        },
      ],
      notes: [
        'Both sides have a Mosquitto of their own, with no limit on what waits. Its PUBACK ' +
          'lets the generator go on, so the broker may run ahead of whoever is behind it: a ' +
          'tick counts when the gateway has accepted it, or the subscriber has it. What is ' +
          'left over is waited for before the next window.',
        'The subscriber is MQTT.js at quality of service 1. It answers nothing; the gateway ' +
          'publishes an ack of every batch to every device, which passes through the same ' +
          'Mosquitto.',
      ],
      failures,
      figures: measured,
    }
  },
}

function tableOf(rows: readonly Row[]): Table {
  const cpu = ({ cpuMicrosEach }: Row, names: readonly string[]) => {
    const found = names.map((name) => cpuMicrosEach[name]).find((one) => one !== undefined)
    return found ? spreadText(found) : ''
  }
  return {
    title: 'Ticks arrived behind the broker a second',
    columns: [
      'shape',
      'system',
      'ticks/s',
      'CPU us a tick, gateway or subscriber',
      'CPU us a tick, Mosquitto',
      'generator, cores',
    ],
    rows: rows.map((row) => [
      row.shape,
      systemNames[row.system],
      spreadText(row.ticksPerSecond),
      cpu(row, ['gateway', 'subscriber']),
      cpu(row, ['mosquitto']),
      shareText(row.generatorShare.median),
    ]),
  }
}
