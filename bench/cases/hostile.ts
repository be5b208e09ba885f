/**
 * What honest devices notice when half of what the gateway could carry is hostile.
 * @module
 */
import { join } from 'node:path'
import { MESSAGES_PER_SECOND } from '../../protocol/limits.ts'
import type { AttackCommand, AttackStatus } from '../load/messages.ts'
import { cpuMicros } from '../measure.ts'
import { figure, spreadText } from '../report/tables.ts'
import { ratioSpread, type Spread, spread } from '../statistics.ts'
import { openBenchGateway } from '../systems/benchGateway.ts'
import type { System } from '../systems/system.ts'
import { atMost, type Case, type CaseOptions } from './case.ts'
import { type Contender, connectTo, openRound, runRound, type Shape } from './compare.ts'
import { shapes } from './ingest.ts'

const HOSTILE_SHARE = 0.5
const HONEST_SHARE = 0.25
/** A third of it each: the largest jumps, wrong words, and devices over their limit. */
const PACED_SHARE = 2 / 3
const FLOOD_SHARE = 1 / 3
/** By then flooders have used up their burst and are held to their rate. */
const BURST_SECONDS = 3
const JUMP_TICKS = 1_024
/** The hash budget lets one of the largest jumps through every five seconds. */
const JUMPS = 16

const honestShape: Shape = { ...shapes.a, connections: 1_000 }
/** As many others: with fewer, what each sends in peace would be over its limit. */
const hostileShape: Shape = { ...shapes.a, connections: 1_000 }

type Parties = {
  readonly pid: number
  readonly honest: Contender
  /** Plays the other half, honestly or not. */
  readonly other: Contender
}

type Measured = {
  /** Messages a second of the gateway in a closed loop. */
  readonly maximum: number
  /** p99 of the honest devices in ms while the others are honest, and while they are not. */
  readonly peaceful: readonly number[]
  readonly attacked: readonly number[]
  /** Hostile messages a second that the gateway dealt with, and connections it closed. */
  readonly hostilePerSecond: readonly number[]
  readonly closed: number
  /** CPU of a packet from a device that is over its limit. */
  readonly floodMicros: readonly number[]
}

async function connectParties(system: System): Promise<Parties> {
  const from = honestShape.connections
  const honestHalf = { ...system, devices: system.devices.slice(0, from) }
  const otherHalf = { ...system, devices: system.devices.slice(from) }
  return {
    pid: system.processes[0]?.pid ?? 0,
    honest: await connectTo(honestHalf, honestShape),
    other: await connectTo(otherHalf, hostileShape),
  }
}

async function peacefulP99(parties: Parties, maximum: number, seconds: number): Promise<number> {
  const { honest, other } = parties
  const [{ latencies }] = await Promise.all([
    openRound(honest, honestShape, seconds, maximum * HONEST_SHARE),
    openRound(other, hostileShape, seconds, maximum * HOSTILE_SHARE),
  ])
  return latencies.p99 / 1_000
}

type Attacked<T> = {
  readonly result: T
  readonly messages: number
  readonly closed: number
  readonly cpuMicros: number
  readonly seconds: number
}

/** What `work` sees while the others attack. */
async function underAttack<T>(
  { other, pid }: Parties,
  attack: Pick<AttackCommand, 'messagesPerSecond' | 'flooders'>,
  work: () => Promise<T>,
): Promise<Attacked<T>> {
  const { generator } = other
  const status = async () => (await generator.ask({ do: 'status' })) as AttackStatus
  await generator.ask({ do: 'prepare', messages: JUMPS, windows: 1, jump: JUMP_TICKS })
  await generator.ask({ do: 'attack', kinds: ['jump', 'wrong'], ...attack })
  await pause(BURST_SECONDS)
  const before = await status()
  const cpuBefore = cpuMicros(pid)
  const startMs = performance.now()
  const result = await work()
  const after = await status()
  const measured = {
    result,
    messages: after.acknowledged - before.acknowledged,
    closed: after.closed - before.closed,
    cpuMicros: cpuMicros(pid) - cpuBefore,
    seconds: (performance.now() - startMs) / 1_000,
  }
  await generator.ask({ do: 'calm' })
  return measured
}

/** Of flooders as many as their limit makes a third of it. */
function attackOf(hostilePerSecond: number) {
  return {
    messagesPerSecond: hostilePerSecond * PACED_SHARE,
    flooders: Math.round((hostilePerSecond * FLOOD_SHARE) / MESSAGES_PER_SECOND),
  }
}

/** Messages a second in a closed loop over all devices; none comes near its own limit. */
async function maximumOf({ honest, other }: Parties, seconds: number): Promise<number> {
  const rounds = await Promise.all([
    runRound(honest, honestShape, seconds),
    runRound(other, hostileShape, seconds),
  ])
  return rounds.reduce((sum, { ticksPerSecond }) => sum + ticksPerSecond, 0)
}

const pause = (seconds: number) => new Promise<void>((end) => setTimeout(end, seconds * 1_000))

async function measure(parties: Parties, options: CaseOptions): Promise<Measured> {
  const { rounds, seconds, onProgress } = options
  const { honest } = parties
  await maximumOf(parties, Math.min(1, seconds))
  const maximum = await maximumOf(parties, Math.min(2, seconds))
  const rates = { honest: maximum * HONEST_SHARE, hostile: maximum * HOSTILE_SHARE }
  const peaceful: number[] = []
  const attacked: number[] = []
  const hostilePerSecond: number[] = []
  const floodMicros: number[] = []
  let closed = 0
  for (let round = 0; round < rounds; round++) {
    peaceful.push(await peacefulP99(parties, maximum, seconds))
    const attack = await underAttack(parties, attackOf(rates.hostile), () =>
      openRound(honest, honestShape, seconds, rates.honest),
    )
    attacked.push(attack.result.latencies.p99 / 1_000)
    hostilePerSecond.push(attack.messages / attack.seconds)
    closed += attack.closed
    const all = { messagesPerSecond: 0, flooders: hostileShape.connections }
    const flood = await underAttack(parties, all, () => pause(Math.min(2, seconds)))
    floodMicros.push(flood.cpuMicros / flood.messages)
    onProgress(
      `hostile: p99 ${figure(peaceful.at(-1) ?? 0)} ms, attacked ` +
        `${figure(attacked.at(-1) ?? 0)} ms`,
    )
  }
  return { maximum, peaceful, attacked, hostilePerSecond, closed, floodMicros }
}

async function run(options: CaseOptions): Promise<Measured> {
  const folder = join(options.folder, 'gateway')
  const connections = honestShape.connections + hostileShape.connections
  const gateway = await openBenchGateway(folder, { connections, channels: 1 }, {}, options)
  try {
    const parties = await connectParties(gateway.system)
    const measured = await measure(parties, options)
    await parties.honest.generator.stop()
    await parties.other.generator.stop()
    return measured
  } finally {
    await gateway.system.stop()
  }
}

export const hostile: Case = {
  name: 'hostile',
  about: 'honest latency while half of the maximum is hostile',
  run: async (options) => {
    const measured = await run(options)
    const { maximum, closed } = measured
    const multiple = ratioSpread(measured.attacked, measured.peaceful)
    const rows: readonly (readonly [string, Spread])[] = [
      ['honest p99 beside honest traffic, ms', spread(measured.peaceful)],
      ['honest p99 under attack, ms', spread(measured.attacked)],
      ['hostile messages dealt with a second', spread(measured.hostilePerSecond)],
      ['CPU us a packet of a device over its limit', spread(measured.floodMicros)],
    ]
    return {
      targets: [atMost('honest p99 as a multiple of peace', 2, multiple.median)],
      limits: {},
      tables: [
        {
          title: 'Honest and hostile devices',
          columns: ['what', 'figure'],
          rows: [
            ...rows.map(([about, value]) => [about, spreadText(value)]),
            ['hostile connections closed by the gateway', figure(closed)],
          ],
        },
      ],
      charts: [
        {
          kind: 'bars',
          name: 'hostile',
          unit: 'ms',
          groups: [
            {
              title: 'p99 of honest devices',
              bars: [
                bar('beside honest traffic', spread(measured.peaceful), false),
                bar('under attack', spread(measured.attacked), true),
              ],
            },
          ],
        },
      ],
      notes: [
        `No limit is raised. ${honestShape.connections} honest devices send a quarter of the ` +
          `${figure(maximum)} messages a second that the gateway carries in a closed loop; ` +
          `${hostileShape.connections} others send half of it, in peace honest ticks, else a ` +
          `third of them jumps of ${JUMP_TICKS} ticks, a third the same with wrong words, and ` +
          'a third from devices that send as much as gets through.',
        'A device over its limit is not read from: its packets wait in its own TCP ' +
          'connection. A device with three wrong words is closed and logs in again.',
      ],
      figures: { ...measured, multiple },
    }
  },
}

function bar(label: string, { median, min, max }: Spread, isOwn: boolean) {
  return { label, value: median, low: min, high: max, isOwn }
}
