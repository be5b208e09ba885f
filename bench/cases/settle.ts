/**
 * Settling ten thousand devices with the embedded ledger at once, the first time and later, and
 * what is left for ticks while one settlement follows the other.
 * @module
 */
import { join } from 'node:path'
import { cpuMicros } from '../measure.ts'
import { figure, spreadText } from '../report/tables.ts'
import { ratioSpread, type Spread, spread } from '../statistics.ts'
import { openBenchGateway } from '../systems/benchGateway.ts'
import type { GatewayProcess } from '../systems/gateway.ts'
import { atLeast, atMost, type Case, type CaseOptions, type CaseResult } from './case.ts'
import { type Contender, connectTo, runRound, type Shape } from './compare.ts'
import { ingestLimits } from './ingest.ts'
import { settleEvm } from './settleEvm.ts'
import { settlePostgres } from './settlePostgres.ts'

const CHANNELS = 10_000
/** Settlements follow each other for so long in all, unless shorter rounds are asked for. */
const SETTLING_SECONDS = 30
const ROUND_SECONDS = 4
/** Each device has its own key, as in a fleet. */
const shape: Shape = {
  name: '10,000 devices with a key and a channel each',
  connections: CHANNELS,
  channels: 1,
  inFlight: 1,
  guess: 60_000,
}

type Settlement = {
  readonly seconds: number
  readonly channels: number
  /** Of the gateway with all its threads. */
  readonly cpuMicros: number
}

async function settleOnce({ calls, child }: GatewayProcess): Promise<Settlement> {
  const startMs = performance.now()
  const startMicros = cpuMicros(child.pid)
  const answer = (await calls.call('settle', {})) as { channels: number; refused: number }
  if (answer.refused > 0) throw new Error(`the ledger refused ${answer.refused} claims`)
  return {
    seconds: (performance.now() - startMs) / 1_000,
    channels: answer.channels,
    cpuMicros: cpuMicros(child.pid) - startMicros,
  }
}

async function settleAll(gateway: GatewayProcess): Promise<Settlement> {
  const settlement = await settleOnce(gateway)
  if (settlement.channels === CHANNELS) return settlement
  throw new Error(`${settlement.channels} of ${CHANNELS} channels had moved`)
}

/** One settlement after the other until told to end; those with nothing to settle are not told. */
function settleOn(gateway: GatewayProcess): () => Promise<readonly Settlement[]> {
  const settlements: Settlement[] = []
  let isRunning = true
  const loop = async () => {
    while (isRunning) settlements.push(await settleOnce(gateway))
  }
  const finished = loop()
  return async () => {
    isRunning = false
    await finished
    return settlements.filter(({ channels }) => channels > 0)
  }
}

type Round = {
  /** All channels at once with nothing else to do: never claimed before, and claimed before. */
  readonly first: Settlement
  readonly later: Settlement
  /** Ticks a second. */
  readonly usual: number
  readonly busy: number
  readonly during: readonly Settlement[]
}

async function measure(own: Contender, gateway: GatewayProcess, seconds: number): Promise<Round> {
  // As long as the next one, whose ticks then belong to the same commitments.
  await runRound(own, shape, seconds)
  const first = await settleAll(gateway)
  const { ticksPerSecond: usual } = await runRound(own, shape, seconds)
  const later = await settleAll(gateway)
  const stop = settleOn(gateway)
  const { ticksPerSecond: busy } = await runRound(own, shape, seconds)
  return { first, later, usual, busy, during: await stop() }
}

/** A new gateway with new devices, because a channel is claimed for the first time only once. */
async function runOnce(round: number, seconds: number, options: CaseOptions): Promise<Round> {
  const folder = join(options.folder, `gateway-${round}`)
  const gateway = await openBenchGateway(folder, shape, ingestLimits, options)
  try {
    const own = await connectTo(gateway.system, shape)
    const measured = await measure(own, gateway.process(), seconds)
    await gateway.verify(own.acknowledged)
    await own.generator.stop()
    return measured
  } finally {
    await gateway.system.stop()
  }
}

async function run(options: CaseOptions): Promise<readonly Round[]> {
  const { rounds, onProgress } = options
  const isShort = options.seconds < ROUND_SECONDS
  const seconds = isShort ? options.seconds : Math.max(options.seconds, SETTLING_SECONDS / rounds)
  const measured: Round[] = []
  for (let round = 0; round < rounds; round++) {
    const one = await runOnce(round, seconds, options)
    const { first, later, usual, busy } = one
    onProgress(
      `settle: ${figure(first.seconds)} s the first time, later ${figure(later.seconds)} s`,
    )
    onProgress(`settle: ${figure(usual)} ticks/s, while settling ${figure(busy)}`)
    measured.push(one)
  }
  return measured
}

const secondsOf = (settlements: readonly Settlement[]) =>
  spread(settlements.map(({ seconds }) => seconds))
const microsOf = (settlements: readonly Settlement[]) =>
  spread(settlements.map(({ cpuMicros: micros, channels }) => micros / channels))

/** Channels settled a second while ticks came in. */
function paceOf(rounds: readonly Round[]): Spread {
  return spread(
    rounds.map(({ during }) => {
      const channels = during.reduce((sum, one) => sum + one.channels, 0)
      const seconds = during.reduce((sum, one) => sum + one.seconds, 0)
      return channels / Math.max(seconds, 1e-9)
    }),
  )
}

export const settle: Case = {
  name: 'settle',
  about: 'ten thousand devices in one settlement, and ticks meanwhile',
  run: (options) => {
    if (options.ledger === 'evm') return settleEvm(options)
    return options.ledger === 'postgres' ? settlePostgres(options) : settleEmbedded(options)
  },
}

async function settleEmbedded(options: CaseOptions): Promise<CaseResult> {
  const rounds = await run(options)
  const first = rounds.map((round) => round.first)
  const later = rounds.map((round) => round.later)
  const usual = rounds.map((round) => round.usual)
  const busy = rounds.map((round) => round.busy)
  const share = ratioSpread(busy, usual)
  return {
    targets: [
      atMost(`${CHANNELS} channels settled the first time, seconds`, 2, secondsOf(first).median),
      atMost(`${CHANNELS} channels settled later, seconds`, 2, secondsOf(later).median),
      atLeast('ticks while settling, share of normal', 0.8, share.median),
    ],
    limits: ingestLimits,
    tables: [
      {
        title: `Settlement with the embedded ledger; ${shape.name}`,
        columns: ['what', 'figure'],
        rows: [
          [`settling ${CHANNELS} channels the first time, s`, spreadText(secondsOf(first))],
          ['CPU us a claim, all threads', spreadText(microsOf(first))],
          [`settling ${CHANNELS} channels later, s`, spreadText(secondsOf(later))],
          ['CPU us a claim, all threads', spreadText(microsOf(later))],
          ['ticks/s', spreadText(spread(usual))],
          ['ticks/s with settlements back to back', spreadText(spread(busy))],
          ['channels settled a second meanwhile', spreadText(paceOf(rounds))],
        ],
      },
    ],
    charts: [
      {
        kind: 'bars',
        name: 'settle',
        unit: 'ticks/s',
        groups: [
          {
            title: 'Ticks acknowledged a second',
            bars: [
              bar('nothing to settle', usual, false),
              bar('settlements back to back', busy, true),
            ],
          },
        ],
      },
    ],
    notes: [
      'Every round has a new gateway and 10,000 new devices, each with a key of its own. Every ' +
        'claim carries its mandate, its commitment and its last word, and the ledger checks ' +
        'all of it by its own rules. Signatures that the same process has verified when the ' +
        'device showed them are not computed again; chains are hashed from what was claimed ' +
        'before, in threads.',
      'Back to back: the next settlement begins when the last one ended, as long as the ' +
        'window lasts.',
    ],
    figures: { rounds, share },
  }
}

function bar(label: string, rates: readonly number[], isOwn: boolean) {
  const { median, min, max } = spread(rates)
  return { label, value: median, low: min, high: max, isOwn }
}
