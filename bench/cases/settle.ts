/**
 * Settling ten thousand channels with the embedded ledger at once, and what is left for ticks while
 * one settlement follows the other.
 * @module
 */
import { join } from 'node:path'
import { figure, spreadText } from '../report/tables.ts'
import { ratioSpread, spread } from '../statistics.ts'
import { openBenchGateway } from '../systems/benchGateway.ts'
import type { GatewayProcess } from '../systems/gateway.ts'
import { atLeast, atMost, type Case, type CaseOptions } from './case.ts'
import { type Contender, contend, runRound, type Shape } from './compare.ts'
import { ingestLimits } from './ingest.ts'

const CHANNELS = 10_000
/** Settlements follow each other for so long in all. */
const SETTLING_SECONDS = 30
const shape: Shape = {
  name: '200 devices with 50 channels each',
  connections: 200,
  channels: CHANNELS / 200,
  inFlight: 4,
  guess: 3_000,
}

type Settlement = { readonly seconds: number; readonly channels: number }

async function settleOnce({ calls }: GatewayProcess): Promise<Settlement> {
  const startMs = performance.now()
  const answer = (await calls.call('settle', {})) as { channels: number; refused: number }
  if (answer.refused > 0) throw new Error(`the ledger refused ${answer.refused} claims`)
  return { seconds: (performance.now() - startMs) / 1_000, channels: answer.channels }
}

/** One settlement after the other until told to end. */
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
    return settlements
  }
}

type Measured = {
  /** All channels at once, with nothing else to do. */
  readonly alone: readonly Settlement[]
  readonly normal: readonly number[]
  readonly busy: readonly number[]
  readonly during: readonly Settlement[]
}

async function measure(
  own: Contender,
  gateway: GatewayProcess,
  options: CaseOptions,
): Promise<Measured> {
  const { rounds, onProgress } = options
  const seconds = Math.max(options.seconds, SETTLING_SECONDS / rounds)
  const alone: Settlement[] = []
  const during: Settlement[] = []
  const normal: number[] = []
  const busy: number[] = []
  await runRound(own, shape, 1)
  for (let round = 0; round < rounds; round++) {
    const { ticksPerSecond: usual } = await runRound(own, shape, seconds)
    const settlement = await settleOnce(gateway)
    onProgress(`settle: ${settlement.channels} channels in ${figure(settlement.seconds)} s`)
    const stop = settleOn(gateway)
    const { ticksPerSecond } = await runRound(own, shape, seconds)
    during.push(...(await stop()))
    alone.push(settlement)
    normal.push(usual)
    busy.push(ticksPerSecond)
    onProgress(`settle: ${figure(usual)} ticks/s, while settling ${figure(ticksPerSecond)}`)
  }
  return { alone, normal, busy, during }
}

async function run(options: CaseOptions): Promise<Measured> {
  const folder = join(options.folder, 'gateway')
  const gateway = await openBenchGateway(folder, shape, ingestLimits, options)
  try {
    const [own] = await contend([gateway.system], shape)
    if (own === undefined) throw new Error('there is one contender')
    const measured = await measure(own, gateway.process(), options)
    await gateway.verify(own.acknowledged)
    await own.generator.stop()
    return measured
  } finally {
    await gateway.system.stop()
  }
}

export const settle: Case = {
  name: 'settle',
  about: 'ten thousand channels in one settlement, and ticks meanwhile',
  run: async (options) => {
    const { alone, normal, busy, during } = await run(options)
    const seconds = spread(alone.map((one) => one.seconds))
    const share = ratioSpread(busy, normal)
    const channels = during.reduce((sum, one) => sum + one.channels, 0)
    const spent = during.reduce((sum, one) => sum + one.seconds, 0)
    return {
      targets: [
        atMost(`${CHANNELS} channels in one settlement, seconds`, 2, seconds.median),
        atLeast('ticks while settling, share of normal', 0.8, share.median),
      ],
      limits: ingestLimits,
      tables: [
        {
          title: `Settlement with the embedded ledger; ${shape.name}`,
          columns: ['what', 'figure'],
          rows: [
            [`settling ${CHANNELS} channels, s`, spreadText(seconds)],
            ['ticks/s', spreadText(spread(normal))],
            ['ticks/s with settlements back to back', spreadText(spread(busy))],
            ['channels settled a second meanwhile', figure(channels / Math.max(spent, 1e-9))],
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
                bar('nothing to settle', normal, false),
                bar('settlements back to back', busy, true),
              ],
            },
          ],
        },
      ],
      notes: [
        'Every claim carries its mandate, its commitment and its last word; the ledger ' +
          'checks two signatures and the hashes of each.',
      ],
      figures: { alone, normal, busy, during, share },
    }
  },
}

function bar(label: string, rates: readonly number[], isOwn: boolean) {
  const { median, min, max } = spread(rates)
  return { label, value: median, low: min, high: max, isOwn }
}
