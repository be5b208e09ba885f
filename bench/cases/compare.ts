/**
 * Runs several systems alternately under one shape of load, each with a load generator of its own,
 * and keeps what every round measured.
 * @module
 */
import { present } from '../../protocol/assert.ts'
import { type Generator, startGenerator } from '../children.ts'
import type { Latencies, WindowResult } from '../load/messages.ts'
import { figure } from '../report/tables.ts'
import { ratioSpread, type Spread, spread } from '../statistics.ts'
import { pidsOf, type System, type SystemName } from '../systems/system.ts'

/** More of a core than this, and the generator may be what was measured. */
const GENERATOR_CORE_SHARE_MAX = 0.85
const WARM_MS = 500
/** Prepared messages beyond what the last round needed. */
const MARGIN = 1.6
/** The rate is given; timers may be late. */
const OPEN_MARGIN = 1.2
const TRIES_MAX = 4
/** Packet ids are 16 bits and each prepared message has one of its own. */
const MESSAGES_MAX = 65_535
/** An epoch lasts for so many windows: longer ones cost hashes, shorter ones signatures. */
const WINDOWS_AHEAD = 4

export type Shape = {
  readonly name: string
  readonly connections: number
  /** Channels of each device; every message carries one tick of each. */
  readonly channels: number
  readonly inFlight: number
  /** First guess of messages a second; later rounds know better. */
  readonly guess: number
}

export type Round = {
  readonly ticksPerSecond: number
  readonly cpuMicrosPerTick: number
  /** The same for each process of the system. */
  readonly cpuMicrosEach: readonly number[]
  /** Share of one core that the generator used. */
  readonly generatorShare: number
}

export type Contender = {
  readonly system: System
  readonly generator: Generator
  readonly rounds: Round[]
  /** Ticks acknowledged since the system started, measured or not. */
  acknowledged: number
  messagesPerSecond: number
  downs: Readonly<Record<string, number>>
}

/** Connects a generator to each system. */
export async function contend(
  systems: readonly System[],
  shape: Shape,
): Promise<readonly Contender[]> {
  const contenders: Contender[] = []
  for (const system of systems) contenders.push(await connectTo(system, shape))
  return contenders
}

/** Connects a generator to all devices of one system. */
export async function connectTo(system: System, shape: Shape): Promise<Contender> {
  const generator = startGenerator()
  const { port, devices, gateway, tls } = system
  const listen = gateway ? 'down' : 'none'
  await generator.ask({ do: 'connect', port, devices, gateway, tls, listen })
  const messagesPerSecond = shape.guess
  return { system, generator, rounds: [], acknowledged: 0, messagesPerSecond, downs: {} }
}

/** One closed-loop window on one system; the result is kept when `keep` says so. */
export async function runRound(
  contender: Contender,
  shape: Shape,
  seconds: number,
): Promise<Round> {
  for (let tries = 1; ; tries++) {
    const window = await runWindow(contender, shape, seconds)
    const { system } = contender
    const messages = await system.messagesOf(window)
    contender.messagesPerSecond = Math.max(
      window.messages / window.seconds,
      window.exhausted > 0 ? 1.5 * contender.messagesPerSecond : 0,
    )
    // A few connections that ran out change nothing; many would leave the server idle.
    if (window.exhausted > shape.connections / 50 && tries < TRIES_MAX) continue
    const ticks = messages * shape.channels
    const cpu = window.cpuMicros.reduce((sum, micros) => sum + micros, 0)
    return {
      ticksPerSecond: ticks / window.seconds,
      cpuMicrosPerTick: cpu / ticks,
      cpuMicrosEach: window.cpuMicros.map((micros) => micros / ticks),
      generatorShare: window.ownCpuMicros / 1e6 / window.seconds,
    }
  }
}

async function runWindow(
  contender: Contender,
  shape: Shape,
  seconds: number,
): Promise<WindowResult> {
  const { generator, system } = contender
  const needed = contender.messagesPerSecond * (seconds + WARM_MS / 1_000) * MARGIN
  const messages = Math.min(
    MESSAGES_MAX,
    Math.ceil(needed / shape.connections) + 2 * shape.inFlight,
  )
  await generator.ask({ do: 'prepare', messages, windows: WINDOWS_AHEAD, jump: 1 })
  const window = await generator.measure({
    do: 'closed',
    inFlight: shape.inFlight,
    warmMs: WARM_MS,
    windowMs: seconds * 1_000,
    watch: pidsOf(system),
  })
  contender.acknowledged += window.acknowledged * shape.channels
  contender.downs = window.downs
  await system.caughtUp(contender.acknowledged / shape.channels)
  return window
}

/** A round to get warm that is not kept, then `rounds` in alternating order. */
export async function alternate(
  contenders: readonly Contender[],
  shape: Shape,
  rounds: number,
  seconds: number,
  onRound: (contender: Contender, round: Round) => void,
): Promise<void> {
  for (const contender of contenders) await runRound(contender, shape, Math.min(1, seconds))
  for (let number = 0; number < rounds; number++) {
    const order = contenders.map((_, place) => contenders[(place + number) % contenders.length])
    for (const contender of order) {
      if (contender === undefined) continue
      const round = await runRound(contender, shape, seconds)
      contender.rounds.push(round)
      onRound(contender, round)
    }
  }
}

export type Row = {
  readonly shape: string
  readonly system: SystemName
  readonly ticksPerSecond: Spread
  readonly cpuMicrosPerTick: Spread
  /** The same for each process of the system, by its name. */
  readonly cpuMicrosEach: Readonly<Record<string, Spread>>
  readonly generatorShare: Spread
  readonly isGeneratorLimited: boolean
}

export function rowOf({ system, rounds }: Contender, shape: Shape): Row {
  const generatorShare = spread(rounds.map((round) => round.generatorShare))
  return {
    shape: shape.name,
    system: system.name,
    ticksPerSecond: spread(rounds.map((round) => round.ticksPerSecond)),
    cpuMicrosPerTick: spread(rounds.map((round) => round.cpuMicrosPerTick)),
    cpuMicrosEach: Object.fromEntries(
      system.processes.map(({ name }, place) => {
        return [name, spread(rounds.map(({ cpuMicrosEach }) => cpuMicrosEach[place] ?? 0))]
      }),
    ),
    generatorShare,
    isGeneratorLimited: generatorShare.median > GENERATOR_CORE_SHARE_MAX,
  }
}

/** How much of a core the generator used, and whether it may be what was measured. */
export function shareText(generatorShare: number): string {
  const text = figure(generatorShare)
  return generatorShare > GENERATOR_CORE_SHARE_MAX ? `${text}, generator-limited` : text
}

/** Rates of one contender as shares of another's, round by round. */
export function shareOf(own: Contender, other: Contender): Spread {
  const rates = ({ rounds }: Contender) => rounds.map((round) => round.ticksPerSecond)
  return ratioSpread(rates(own), rates(other))
}

export type OpenRound = {
  readonly latencies: Latencies
  /** Acknowledged within the window. */
  readonly messagesPerSecond: number
  readonly generatorShare: number
}

/** One open-loop window at a fixed rate. */
export async function openRound(
  contender: Contender,
  shape: Shape,
  seconds: number,
  messagesPerSecond: number,
): Promise<OpenRound> {
  const { generator, system } = contender
  const needed = messagesPerSecond * (seconds + WARM_MS / 1_000) * OPEN_MARGIN
  const messages = Math.ceil(needed / shape.connections) + 1
  await generator.ask({ do: 'prepare', messages, windows: WINDOWS_AHEAD, jump: 1 })
  const window = await generator.measure({
    do: 'open',
    messagesPerSecond,
    warmMs: WARM_MS,
    windowMs: seconds * 1_000,
    watch: pidsOf(system),
  })
  contender.acknowledged += window.acknowledged * shape.channels
  contender.downs = window.downs
  return {
    latencies: present(window.latencies, 'an open loop measures latencies'),
    messagesPerSecond: window.messages / window.seconds,
    generatorShare: window.ownCpuMicros / 1e6 / window.seconds,
  }
}
