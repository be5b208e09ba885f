/**
 * Sums over all channels for metrics: some channels in each turn of the event loop, so that ticks
 * wait for none of it, and at most one walk in so many seconds, however often somebody asks.
 * @module
 */
import type { Core } from '../core.ts'
import { heldAmount, isClosed, isLapsed, reservedAmount } from '../state/hotChannels.ts'
import { remembered } from './remembered.ts'

/** Channels looked at in one turn: about 2 ms. */
const CHANNELS_PER_TURN = 4_096
/** Figures may be this old. */
const SUMS_AGE_MS = 5_000

/** Amounts in minor units of the gateway's asset. */
export type Sums = {
  readonly open: number
  readonly closed: number
  readonly accepted: bigint
  readonly settled: bigint
  readonly exposure: bigint
  readonly reserved: bigint
  /** Open channels that have sent no checkpoint since the fence was raised. */
  readonly fenced: number
  /** Channels with exposure whose claims run out within the margin. */
  readonly expiring: number
  /** When the first of all claims runs out, seconds since 1970; undefined when nothing is owed. */
  readonly firstExpirySeconds: number | undefined
}

type Adding = { -readonly [Name in keyof Sums]: Sums[Name] }

/** Asks for sums that are not too old; one walk at a time. */
export function createSums(core: Core): () => Promise<Sums> {
  return remembered(core.ports.clock, SUMS_AGE_MS, () => walk(core))
}

async function walk(core: Core): Promise<Sums> {
  const sums: Adding = {
    open: 0,
    closed: 0,
    accepted: 0n,
    settled: 0n,
    exposure: 0n,
    reserved: 0n,
    fenced: 0,
    expiring: 0,
    firstExpirySeconds: undefined,
  }
  const count = core.state.hot.count()
  for (let from = 0; from < count; from += CHANNELS_PER_TURN) {
    if (from > 0) await new Promise<void>((resolve) => core.ports.timers.soon(resolve))
    const to = Math.min(count, from + CHANNELS_PER_TURN)
    for (let channel = from; channel < to; channel++) addChannel(sums, core, channel)
  }
  return sums
}

function addChannel(sums: Adding, core: Core, channel: number): void {
  const { hot, fencePosition } = core.state
  const { paid, checkpointPosition, epoch } = hot.columns
  const held = heldAmount(hot, channel)
  const settled = paid[channel] ?? 0n
  sums.accepted += held
  sums.settled += settled
  sums.reserved += reservedAmount(hot, channel)
  if (isClosed(hot, channel)) {
    sums.closed += 1
  } else {
    sums.open += 1
    const isOpened = (epoch[channel] ?? 0) > 0
    if (isOpened && (checkpointPosition[channel] ?? 0) < fencePosition) sums.fenced += 1
  }
  if (held > settled) addOwing(sums, core, channel, held - settled)
}

function addOwing(sums: Adding, core: Core, channel: number, exposure: bigint): void {
  const { hot } = core.state
  sums.exposure += exposure
  if (isLapsed(hot, channel)) return
  const claimUntil = hot.columns.claimUntilSeconds[channel] ?? 0
  if (claimUntil === 0) return
  const { expiryMarginSeconds } = core.config.settlement
  if (claimUntil - core.writer.seconds() <= expiryMarginSeconds) sums.expiring += 1
  sums.firstExpirySeconds = Math.min(sums.firstExpirySeconds ?? claimUntil, claimUntil)
}
