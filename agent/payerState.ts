/**
 * What a payer knows of one channel, and the figures that follow from it. Pure.
 *
 * `running` is the epoch of the word that the gateway has acknowledged last; `next` is its accepted
 * renewal. Everything metered lies on the running epoch's line: tick k is owed at `startReading +
 * k * unitsPerTick`, and a k beyond the epoch's length is word `k - length` of the renewal.
 * @module
 */
import { equalBytes } from '../protocol/bytes.ts'
import type { Terms } from '../protocol/chain.ts'
import { amountAt, readingAt } from '../protocol/channel.ts'
import type { RejectedName, SupplyState } from '../protocol/messages.ts'
import type { CommitmentReason, TickReason } from '../protocol/reasons.ts'
import type { Mandate } from '../protocol/structures.ts'
import type { Ceiling, LimitBook, LimitRecord, Now, OwnLimits } from './ownLimits.ts'
import { ceilingOf } from './ownLimits.ts'
import type { SupplyDecision } from './supplyRule.ts'
import type { KnownTariff } from './tariffs.ts'
import { tariffInForce } from './tariffs.ts'

/** An accepted commitment. */
export type Epoch = {
  readonly terms: Terms
  /** Highest index whose word may have left this device. */
  readonly shown: number
}

/** What the gateway says of the channel. */
export type ChannelFacts = {
  readonly slot: number
  readonly channelId: Uint8Array
  readonly mandate: Mandate | undefined
  readonly maxLength: number
  readonly supply: SupplyState
  readonly tariffs: readonly KnownTariff[]
}

export type Purpose = 'open' | 'renewal' | 'checkpoint'

/** A commitment that was sent and is neither accepted nor refused. */
export type Offer = {
  readonly purpose: Purpose
  readonly terms: Terms
  readonly sentMs: number
  /** It was made after a fence was reported: one that is older does not lower the fence. */
  readonly answersFence: boolean
}

/** What the gateway holds, verified as this device's own; or the finding that it is not. */
export type Proof =
  | {
      readonly held: { readonly terms: Terms; readonly index: number } | undefined
      readonly pending: Terms | undefined
    }
  | 'gateway_lied'

export type Refusal = {
  readonly refused: RejectedName
  readonly reason: TickReason | CommitmentReason
}

/** How far the orders of the fleet let a channel go; they act on supply alone. */
export type Ordered = {
  /** Cumulative amount beyond which nothing is supplied; undefined when nothing limits it. */
  readonly amountMax: bigint | undefined
  readonly isTooDear: boolean
}

export type Payer = {
  readonly own: OwnLimits
  /** What the disk held at the start. */
  readonly record: LimitRecord | undefined
  readonly book: LimitBook | undefined
  /** True from the first slot of a connection to its end. */
  readonly online: boolean
  readonly stopping: boolean
  readonly reading: bigint | undefined
  readonly facts: ChannelFacts | undefined
  readonly running: Epoch | undefined
  readonly next: Epoch | undefined
  /** Index of the running epoch that the gateway has acknowledged. */
  readonly acked: number
  readonly offer: Offer | undefined
  /** Base of a commitment for which there was no room: the next slot speaks of that base. */
  readonly refusedBase: bigint | undefined
  /** Cumulative amount from which the slot's `maxLength` counts. */
  readonly roomFrom: bigint
  readonly highestEpoch: number
  /** Reading up to which a gateway that lost everything had been paid. */
  readonly paidBefore: bigint | undefined
  readonly halt: 'gateway_lied' | 'closed' | undefined
  /** The gateway asked for a checkpoint. */
  readonly asked: boolean
  /** When a checkpoint was accepted that was made since the fence was reported; else -Infinity. */
  readonly fenceAnsweredMs: number
  readonly failures: number
  readonly retryMs: number
  readonly refusal: Refusal | undefined
  /** When ticks were shown last; -Infinity when they are due again at once. */
  readonly sentMs: number
  readonly slowUntilMs: number
  readonly ordered: Ordered | undefined
  readonly order: SupplyDecision
}

/** Only where ticks are free can a reading owe more; and then nothing is lost. */
const TICKS_MAX = Number.MAX_SAFE_INTEGER

/** A payer that knows nothing yet. */
export function newPayer(own: OwnLimits, record: LimitRecord | undefined): Payer {
  return {
    own,
    record,
    book: undefined,
    online: false,
    stopping: false,
    reading: undefined,
    facts: undefined,
    running: undefined,
    next: undefined,
    acked: 0,
    offer: undefined,
    refusedBase: undefined,
    roomFrom: 0n,
    highestEpoch: 0,
    paidBefore: undefined,
    halt: undefined,
    asked: false,
    fenceAnsweredMs: Number.NEGATIVE_INFINITY,
    failures: 0,
    retryMs: Number.NEGATIVE_INFINITY,
    refusal: undefined,
    sentMs: Number.NEGATIVE_INFINITY,
    slowUntilMs: Number.NEGATIVE_INFINITY,
    ordered: undefined,
    order: { kind: 'off', reason: 'no_channel' },
  }
}

/** True for one and the same commitment: the root follows from the terms. */
export function sameTerms(a: Terms | undefined, b: Terms | undefined): boolean {
  if (!a || !b || a === b) return a === b
  return (
    a.kind === b.kind &&
    a.epoch === b.epoch &&
    a.base === b.base &&
    a.length === b.length &&
    a.unitsPerTick === b.unitsPerTick &&
    a.pricePerTick === b.pricePerTick &&
    a.startReading === b.startReading &&
    a.issuedAt === b.issuedAt &&
    a.expiry === b.expiry &&
    equalBytes(a.channelId, b.channelId) &&
    equalBytes(a.tariffHash, b.tariffHash)
  )
}

/** Ticks of the running line that have been shown. */
export function shownTicks({ running, next }: Pick<Payer, 'running' | 'next'>): number {
  if (!running) return 0
  return next && next.shown > 0 ? running.terms.length + next.shown : running.shown
}

/** The highest cumulative amount this device has shown a word or a checkpoint for. */
export function shownAmount(payer: Pick<Payer, 'running' | 'next'>): bigint {
  return payer.running ? amountAt(payer.running.terms, shownTicks(payer)) : 0n
}

/** Reading up to which payment is acknowledged. */
export function paidReading({ running, acked }: Payer): bigint | undefined {
  return running && readingAt(running.terms, acked)
}

/** The most that may be shown now, and why. */
export function ceiling(payer: Payer): Ceiling {
  const shown = shownAmount(payer)
  const { book, facts, own } = payer
  if (!book || !facts?.mandate) return { amount: shown, reason: 'own_limit_unproven' }
  return ceilingOf(book, own, facts.mandate, shown)
}

/** The amount up to which there may be supply, and why. */
export function supplyCeiling(payer: Payer): Ceiling {
  const most = ceiling(payer)
  const amount = payer.ordered?.amountMax
  if (amount === undefined || amount >= most.amount) return most
  return { amount, reason: 'over_limit' }
}

/**
 * Whole ticks of the running line that may be shown: what was metered, within what may be paid.
 * Never less than what was shown already.
 */
export function payableTicks(payer: Payer): number {
  const { running, reading } = payer
  const shown = shownTicks(payer)
  if (!running || reading === undefined) return shown
  const { base, pricePerTick, startReading, unitsPerTick } = running.terms
  const metered = (reading - startReading) / unitsPerTick
  const affordable = pricePerTick === 0n ? metered : (ceiling(payer).amount - base) / pricePerTick
  const ticks = metered < affordable ? metered : affordable
  if (ticks <= BigInt(shown)) return shown
  return ticks < BigInt(TICKS_MAX) ? Number(ticks) : TICKS_MAX
}

/** The tariff that a new commitment would be made under. */
export function currentTariff(payer: Payer, now: Now): KnownTariff | undefined {
  return payer.facts && tariffInForce(payer.facts.tariffs, now.seconds)
}

/** The running epoch's own tariff, if the gateway still lists it. */
export function runningTariff({ facts, running }: Payer): KnownTariff | undefined {
  if (!running) return undefined
  return facts?.tariffs.find((one) => equalBytes(one.hash, running.terms.tariffHash))
}

/** The credit window in units. */
export function creditUnits(payer: Payer): bigint {
  const creditTicks = runningTariff(payer)?.tariff.creditTicks ?? 0
  return BigInt(creditTicks) * (payer.running?.terms.unitsPerTick ?? 0n)
}
