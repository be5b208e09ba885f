/**
 * Resuming from what the gateway proves to hold. Pure. Payment goes on from the higher of the own
 * and the proven state; what the gateway does not hold any more is not counted as acknowledged.
 * @module
 */

import { equalBytes } from '../protocol/bytes.ts'
import type { Terms } from '../protocol/chain.ts'
import { amountAt, readingAt } from '../protocol/channel.ts'
import type { Mandate } from '../protocol/structures.ts'
import type { LimitBook, Now } from './ownLimits.ts'
import { carryBook, openBook, waitForRecord } from './ownLimits.ts'
import type { ChannelFacts, Epoch, Payer, Proof } from './payerState.ts'
import { newPayer, sameTerms, shownAmount } from './payerState.ts'

type Verified = Exclude<Proof, 'gateway_lied'>

/** The payer after `down/slot`. */
export function adoptSlot(payer: Payer, told: ChannelFacts, proof: Proof, now: Now): Payer {
  const known = payer.facts
  const same = known && equalBytes(known.channelId, told.channelId)
  const isLate = same && payer.online
  const facts = isLate ? { ...told, mandate: newerMandate(known.mandate, told.mandate) } : told
  const mine = known && !same ? forgetChannel(payer) : payer
  if (proof === 'gateway_lied') return { ...mine, facts, online: true, halt: proof }
  const adopted = adoptProof(mine, proof)
  const book = bookAfter(payer, facts, proof, now)
  const better = same && hasImproved(known, facts)
  return {
    ...adopted,
    facts,
    book,
    online: true,
    halt: undefined,
    refusedBase: undefined,
    roomFrom: payer.refusedBase ?? heldAmount(proof),
    retryMs: better ? now.monotonicMs : adopted.retryMs,
  }
}

/**
 * Within a connection, what a late message tells again of an older mandate counts no more. On a new
 * one the gateway may have been restored, and judges by what it knows.
 */
function newerMandate(known: Mandate | undefined, told: Mandate | undefined): Mandate | undefined {
  return (known?.sequence ?? 0) > (told?.sequence ?? 0) ? known : told
}

/** The payer with the proven state as its own. */
export function adoptProof(payer: Payer, proof: Verified): Payer {
  const { held, pending } = proof
  const highestEpoch = Math.max(payer.highestEpoch, held?.terms.epoch ?? 0, pending?.epoch ?? 0)
  if (!held) return { ...withoutEpochs(payer), highestEpoch }
  const running: Epoch = {
    terms: held.terms,
    shown: Math.max(held.index, shownOf(payer, held.terms)),
  }
  const keeps = payer.online && sameTerms(payer.running?.terms, held.terms)
  const offered = payer.offer?.terms
  const taken = sameTerms(offered, held.terms) || (pending && sameTerms(offered, pending))
  return {
    ...payer,
    highestEpoch,
    running,
    acked: keeps ? Math.max(held.index, payer.acked) : held.index,
    next: pending && { terms: pending, shown: shownOf(payer, pending) },
    offer: taken ? undefined : payer.offer,
    paidBefore: undefined,
    sentMs: keeps ? payer.sentMs : Number.NEGATIVE_INFINITY,
  }
}

/** The gateway holds nothing: what is acknowledged so far is where a new opening starts. */
function withoutEpochs(payer: Payer): Payer {
  const { running } = payer
  if (!running) return payer
  const paidBefore = readingAt(running.terms, payer.acked)
  return { ...payer, running: undefined, next: undefined, acked: 0, paidBefore }
}

function shownOf({ running, next }: Payer, terms: Terms): number {
  if (running && sameTerms(running.terms, terms)) return running.shown
  return next && sameTerms(next.terms, terms) ? next.shown : 0
}

/** Another channel took this one's place: only the meter and the limits go on. */
function forgetChannel(payer: Payer): Payer {
  const { own, record, book, reading, stopping, order } = payer
  return { ...newPayer(own, record), book, reading, stopping, order }
}

function heldAmount({ held }: Verified): bigint {
  return held ? amountAt(held.terms, held.index) : 0n
}

function bookAfter(payer: Payer, facts: ChannelFacts, proof: Verified, now: Now): LimitBook {
  const proven = heldAmount(proof)
  const { book, record } = payer
  const { channelId } = facts
  if (book && equalBytes(book.channelId, channelId)) return book
  if (book) return waitForRecord(carryBook(book, shownAmount(payer), channelId, proven), now)
  const opened = openBook(channelId, proven, record, now)
  return record ? waitForRecord(opened, now) : opened
}

/** A refused commitment is worth another try at once. */
function hasImproved(before: ChannelFacts, after: ChannelFacts): boolean {
  if ((after.mandate?.sequence ?? 0) > (before.mandate?.sequence ?? 0)) return true
  return after.maxLength > before.maxLength
}
