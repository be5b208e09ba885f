/**
 * The payer: decides which words to show, which commitment to sign and how far the meter may
 * supply. One for each channel. Pure: a state and an event give a state and actions.
 *
 * - It shows the highest word that the meter's reading owes and the limits allow, and no other.
 * - It shows no word of a renewal before the last word of the epoch before it: as long as that is
 *   not acknowledged, one message carries both.
 * - While a checkpoint is on its way it shows nothing.
 * - Only acknowledgements open credit.
 * - On a channel that replaces another it pays nothing before the disk knows of it.
 * @module
 */
import { equalBytes } from '../protocol/bytes.ts'
import type { Terms } from '../protocol/chain.ts'
import { ACK_TIMEOUT_MS, JUMP_TICKS_MAX } from '../protocol/limits.ts'
import type { AckEntry, SupplyState } from '../protocol/messages.ts'
import { consequenceOf } from '../protocol/reasons.ts'
import { adoptProof, adoptSlot } from './adopt.ts'
import { wantedCommitment } from './nextCommitment.ts'
import type { LimitBook, LimitRecord, Now } from './ownLimits.ts'
import { acceptsPrice, awaitsRecord, rollBook } from './ownLimits.ts'
import type { ChannelFacts, Ordered, Payer, Proof, Purpose, Refusal } from './payerState.ts'
import {
  creditUnits,
  currentTariff,
  paidReading,
  payableTicks,
  shownAmount,
  shownTicks,
  supplyCeiling,
} from './payerState.ts'
import type { DeviceSupplyReason, SupplyDecision } from './supplyRule.ts'
import { decideSupply } from './supplyRule.ts'
import type { KnownTariff } from './tariffs.ts'

export type PayerEvent =
  | { readonly kind: 'reading'; readonly units: bigint }
  | { readonly kind: 'slot'; readonly facts: ChannelFacts; readonly proof: Proof }
  | { readonly kind: 'tariffs'; readonly tariffs: readonly KnownTariff[] }
  | { readonly kind: 'ack'; readonly entry: AckEntry }
  | { readonly kind: 'accept'; readonly epoch: number }
  | { readonly kind: 'reject'; readonly refusal: Refusal; readonly proof: Proof }
  | { readonly kind: 'supply'; readonly supply: SupplyState }
  | { readonly kind: 'ordered'; readonly ordered: Ordered }
  | { readonly kind: 'recorded'; readonly record: LimitRecord }
  | { readonly kind: 'offline' }
  | { readonly kind: 'stop' }
  /** Time has passed; sent at least once a second. */
  | { readonly kind: 'time' }

/** A word of an epoch, to be shown. */
export type TickPlace = { readonly terms: Terms; readonly index: number }

export type PayerAction =
  /** Replaces whatever this payer wanted to show before. */
  | { readonly kind: 'show'; readonly places: readonly TickPlace[] }
  | { readonly kind: 'offer'; readonly purpose: Purpose; readonly terms: Terms }
  /** The very same bytes again. */
  | { readonly kind: 'repeat'; readonly purpose: Purpose; readonly terms: Terms }
  | { readonly kind: 'supply'; readonly order: SupplyDecision }
  | { readonly kind: 'record'; readonly book: LimitBook }
  /** The gateway speaks of an epoch unknown here: ask for its proof. */
  | { readonly kind: 'resync' }

export type Step = { readonly payer: Payer; readonly actions: readonly PayerAction[] }

/** A refused commitment is tried again after 1, 2, 4 ... 60 seconds. */
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 60_000
/** Refusals after which the gateway tells how long that very commitment may be. */
const noRoomReasons: ReadonlySet<string> = new Set(['too_long', 'no_funds'])
/** Pause after a refused tick: the gateway's hash budget refills, and no fault becomes a flood. */
const SLOW_DOWN_MS = 5_000

/** One step. Nothing here fails: whatever the gateway says, there is a next state. */
export function stepPayer(before: Payer, event: PayerEvent, now: Now): Step {
  const actions: PayerAction[] = []
  let payer = applyEvent(before, event, now, actions)
  payer = keepBook(before, payer, now, actions)
  if (payer.online && !payer.halt) {
    payer = offerCommitment(payer, now, actions)
    payer = showTicks(payer, now, actions)
  }
  const order = supplyOrder(payer, now)
  if (!isSameOrder(order, payer.order)) {
    actions.push({ kind: 'supply', order })
    payer = { ...payer, order }
  }
  return { payer, actions }
}

function applyEvent(payer: Payer, event: PayerEvent, now: Now, actions: PayerAction[]): Payer {
  switch (event.kind) {
    case 'reading':
      return { ...payer, reading: higher(payer.reading, event.units) }
    case 'slot':
      return adoptSlot(payer, event.facts, event.proof, now)
    case 'tariffs':
      return payer.facts ? { ...payer, facts: { ...payer.facts, tariffs: event.tariffs } } : payer
    case 'ack':
      return takeAck(payer, event.entry, actions)
    case 'accept':
      return takeAccept(payer, event.epoch, now, actions)
    case 'reject':
      return takeReject(payer, event.refusal, event.proof, now)
    case 'supply':
      return takeSupply(payer, event.supply)
    case 'ordered':
      return { ...payer, ordered: event.ordered }
    case 'recorded':
      return takeRecorded(payer, event.record)
    case 'offline':
      return goOffline(payer)
    case 'stop':
      return { ...payer, stopping: true }
    case 'time':
      return payer
  }
}

function higher(known: bigint | undefined, units: bigint): bigint {
  return known !== undefined && known > units ? known : units
}

/** Frees credit; an index that was never shown is nobody's business and ignored. */
function takeAck(payer: Payer, entry: AckEntry, actions: PayerAction[]): Payer {
  const { running, next } = payer
  const told = takeSupply(payer, entry.supply)
  if (running && entry.epoch === running.terms.epoch) {
    if (entry.index <= payer.acked || entry.index > running.shown) return told
    return { ...told, acked: entry.index, refusal: undefined }
  }
  if (next && entry.epoch === next.terms.epoch) {
    if (entry.index > next.shown || entry.index === 0) return told
    return { ...told, running: next, next: undefined, acked: entry.index }
  }
  if (isUnknownEpoch(payer, entry.epoch)) actions.push({ kind: 'resync' })
  return told
}

/** An epoch that is neither past nor on its way. */
function isUnknownEpoch({ running, next, offer }: Payer, epoch: number): boolean {
  const newest = (next ?? running)?.terms.epoch ?? 0
  return epoch > newest && epoch !== offer?.terms.epoch
}

function takeAccept(payer: Payer, epoch: number, now: Now, actions: PayerAction[]): Payer {
  const { offer } = payer
  if (!offer || offer.terms.epoch !== epoch) {
    if (isUnknownEpoch(payer, epoch)) actions.push({ kind: 'resync' })
    return payer
  }
  const done = { ...payer, offer: undefined, failures: 0, refusal: undefined }
  const opened = { terms: offer.terms, shown: 0 }
  if (offer.purpose === 'renewal') return { ...done, next: opened }
  return {
    ...done,
    running: opened,
    next: undefined,
    acked: 0,
    paidBefore: undefined,
    asked: false,
    fenceAnsweredMs: offer.answersFence ? now.monotonicMs : Number.NEGATIVE_INFINITY,
  }
}

function takeReject(payer: Payer, refusal: Refusal, proof: Proof, now: Now): Payer {
  if (proof === 'gateway_lied') return { ...payer, refusal, halt: proof }
  const consequence = consequenceOf(refusal.reason)
  if (consequence === 'open') return { ...goOffline(payer), refusal }
  const adopted = { ...adoptProof(payer, proof), refusal }
  if (consequence === 'end') return { ...adopted, halt: 'closed' }
  // A channel that has lapsed goes on with a checkpoint under a mandate that is in force by now.
  const hasLapsed = refusal.refused === 'tick' && refusal.reason === 'expired'
  if (consequence === 'send_checkpoint') return { ...adopted, asked: true }
  if (refusal.refused !== 'commit' && refusal.refused !== 'open') {
    const waitMs = consequence === 'benign' ? 0 : SLOW_DOWN_MS
    const asked = adopted.asked || hasLapsed
    return { ...adopted, asked, slowUntilMs: now.monotonicMs + waitMs }
  }
  const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(payer.failures, 10))
  return {
    ...adopted,
    offer: undefined,
    refusedBase: noRoomReasons.has(refusal.reason) ? payer.offer?.terms.base : undefined,
    failures: payer.failures + 1,
    retryMs: now.monotonicMs + waitMs,
  }
}

function takeSupply(payer: Payer, supply: SupplyState): Payer {
  if (!payer.facts) return payer
  const fenceAnsweredMs =
    supply.reason === 'fenced' ? payer.fenceAnsweredMs : Number.NEGATIVE_INFINITY
  return { ...payer, facts: { ...payer.facts, supply }, fenceAnsweredMs }
}

function takeRecorded(payer: Payer, record: LimitRecord): Payer {
  const { book } = payer
  const isCurrent = book?.hour === record.hour && equalBytes(book.channelId, record.channelId)
  return isCurrent && !book.durable ? { ...payer, book: { ...book, durable: true } } : payer
}

/** What was on its way may be lost; the next connection begins with a proof. */
function goOffline(payer: Payer): Payer {
  return {
    ...payer,
    online: false,
    offer: undefined,
    refusedBase: undefined,
    asked: false,
    fenceAnsweredMs: Number.NEGATIVE_INFINITY,
    failures: 0,
    retryMs: Number.NEGATIVE_INFINITY,
    slowUntilMs: Number.NEGATIVE_INFINITY,
  }
}

function keepBook(before: Payer, payer: Payer, now: Now, actions: PayerAction[]): Payer {
  if (!payer.book) return payer
  const book = rollBook(payer.book, shownAmount(payer), now)
  const isFirst = !book.durable && before.book?.channelId !== book.channelId
  if (isFirst || book !== payer.book) actions.push({ kind: 'record', book })
  return book === payer.book ? payer : { ...payer, book }
}

function offerCommitment(payer: Payer, now: Now, actions: PayerAction[]): Payer {
  const { offer } = payer
  if (offer) {
    if (now.monotonicMs - offer.sentMs < ACK_TIMEOUT_MS) return payer
    actions.push({ kind: 'repeat', purpose: offer.purpose, terms: offer.terms })
    return { ...payer, offer: { ...offer, sentMs: now.monotonicMs } }
  }
  const wanted = wantedCommitment(payer, now)
  // A checkpoint pays; an opening does not.
  const isEarly = wanted?.purpose === 'checkpoint' && awaitsRecord(payer.book, now)
  if (!wanted || isEarly) return payer
  actions.push({ kind: 'offer', ...wanted })
  return {
    ...payer,
    offer: {
      ...wanted,
      sentMs: now.monotonicMs,
      answersFence: payer.facts?.supply.reason === 'fenced',
    },
    highestEpoch: wanted.terms.epoch,
  }
}

function showTicks(payer: Payer, now: Now, actions: PayerAction[]): Payer {
  const { offer, running } = payer
  if (!running || (offer && offer.purpose !== 'renewal')) return payer
  if (now.monotonicMs < payer.slowUntilMs || awaitsRecord(payer.book, now)) return payer
  const shown = shownTicks(payer)
  const moved = placeTicks(payer, payableTicks(payer))
  const places = placesOf(moved)
  if (places.length === 0) return payer
  const isDue = now.monotonicMs - payer.sentMs >= ACK_TIMEOUT_MS
  if (shownTicks(moved) === shown && !isDue) return payer
  actions.push({ kind: 'show', places })
  return { ...moved, sentMs: now.monotonicMs }
}

/** The payer with `ticks` shown, as far as one message may jump from what is acknowledged. */
function placeTicks(payer: Payer, ticks: number): Payer {
  const { running, next, acked } = payer
  if (!running) return payer
  const { length } = running.terms
  const index = Math.min(ticks, length, acked + JUMP_TICKS_MAX)
  const moved = { ...running, shown: Math.max(running.shown, index) }
  if (!next || moved.shown < length || ticks <= length) return { ...payer, running: moved }
  const beyond = Math.min(ticks - length, next.terms.length, JUMP_TICKS_MAX)
  const movedNext = { ...next, shown: Math.max(next.shown, beyond) }
  return { ...payer, running: moved, next: movedNext }
}

/** Everything shown and not acknowledged, in the order in which it must arrive. */
function placesOf({ running, next, acked }: Payer): TickPlace[] {
  const places: TickPlace[] = []
  if (running && running.shown > acked) {
    places.push({ terms: running.terms, index: running.shown })
  }
  if (next && next.shown > 0) places.push({ terms: next.terms, index: next.shown })
  return places
}

function supplyOrder(payer: Payer, now: Now): SupplyDecision {
  const paid = paidReading(payer)
  const barrier = supplyBarrier(payer, now)
  if (barrier || paid === undefined || !payer.facts) {
    return { kind: 'off', reason: barrier ?? 'opening' }
  }
  const limit = supplyCeiling(payer)
  return decideSupply({
    reading: payer.reading,
    barrier,
    gateway: payer.facts.supply,
    paidReading: paid,
    creditUnits: creditUnits(payer),
    ceilingReading: readingAtAmount(payer, limit.amount),
    ceilingReason: limit.reason,
  })
}

function supplyBarrier(payer: Payer, now: Now): DeviceSupplyReason | undefined {
  const { facts, running } = payer
  if (payer.stopping) return 'stopping'
  if (!facts) return 'no_channel'
  if (payer.halt) return payer.halt
  const { mandate } = facts
  if (!mandate || now.seconds < mandate.notBefore) return 'no_mandate'
  if (now.seconds >= mandate.expiry) return 'mandate_expired'
  const tariff = currentTariff(payer, now)
  if (tariff && !acceptsPrice(payer.own, tariff.tariff.pricePerTick)) return 'own_price_limit'
  if (!running) return 'opening'
  if (payer.ordered?.isTooDear) return 'price_ceiling'
  return now.seconds >= running.terms.expiry ? 'commitment_expired' : undefined
}

/** The reading at which `amount` is owed; undefined when units cost nothing. */
function readingAtAmount({ running }: Payer, amount: bigint): bigint | undefined {
  if (!running || running.terms.pricePerTick === 0n) return undefined
  const { base, pricePerTick, startReading, unitsPerTick } = running.terms
  const ticks = amount > base ? (amount - base) / pricePerTick : 0n
  return startReading + ticks * unitsPerTick
}

function isSameOrder(a: SupplyDecision, b: SupplyDecision): boolean {
  if (a.kind !== b.kind || a.reason !== b.reason) return false
  return a.kind === 'off' || b.kind === 'off' || a.units === b.units
}
