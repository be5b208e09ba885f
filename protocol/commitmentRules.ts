/**
 * The checks on a commitment (the one that opens a channel, renewals, checkpoints), in order. The
 * order is API. A refusal changes nothing and is answered with the held proof.
 * @module
 */

import { isUint64 } from './amount.ts'
import { equalBytes } from './bytes.ts'
import { amountAt, readingAt, worstCase } from './channel.ts'
import type { PublicKey, Verify } from './keys.ts'
import { EPOCH_LENGTH_TICKS_MAX } from './limits.ts'
import type { CommitmentReason } from './reasons.ts'
import type { Commitment, Mandate, Signed, Tariff } from './structures.ts'
import { CHECKPOINT, commitmentStructure, digestOf, RENEWAL } from './structures.ts'
import type { Domain } from './typedData.ts'

/** What the checks read. */
export type CommitmentContext = {
  readonly domain: Domain
  readonly channelId: Uint8Array
  readonly payerKey: PublicKey
  readonly closed: boolean
  /** The commitment of the held word and the held index; absent before the channel is opened. */
  readonly held: { readonly commitment: Commitment; readonly index: number } | undefined
  readonly pending: Commitment | undefined
  /** The mandate in force. */
  readonly mandate: Mandate | undefined
  /** The tariff whose digest the commitment names, if this gateway published it. */
  readonly tariff: Tariff | undefined
  /** Steps that the ledger follows in one claim. */
  readonly maxLength: number
  /** What the allocation has left beyond all reservations. */
  readonly free: bigint
  readonly nowSeconds: number
}

/** `repeated`: these very terms are committed already, so the answer is the same again. */
export type CommitmentVerdict = CommitmentReason | 'accepted' | 'repeated'

/** Judges one commitment of a known channel; the signature is checked after all cheap facts. */
export function checkCommitment(
  context: CommitmentContext,
  signed: Signed<Commitment>,
  verify: Verify,
): CommitmentVerdict {
  const commitment = signed.value
  const digest = digestOf(context.domain, commitmentStructure, commitment)
  if (!isWellFormed(commitment)) return 'malformed'
  if (!equalBytes(commitment.channelId, context.channelId)) return 'unknown_channel'
  const epoch = checkEpoch(context, digest, commitment)
  if (epoch !== 'new') return epoch
  if (context.closed) return 'closed'
  if (!verify(context.payerKey, digest, signed.signature)) return 'bad_signature'
  return (
    checkTariff(context, commitment) ??
    checkMandate(context, commitment) ??
    checkReservation(context, commitment) ??
    checkContinuity(context, commitment) ??
    'accepted'
  )
}

function isWellFormed(commitment: Commitment): boolean {
  const { kind, epoch, length } = commitment
  if (kind !== RENEWAL && kind !== CHECKPOINT) return false
  if (epoch < 1 || length < 1 || length > EPOCH_LENGTH_TICKS_MAX) return false
  if (commitment.unitsPerTick < 1n) return false
  return isUint64(worstCase(commitment)) && isUint64(readingAt(commitment, length))
}

function checkEpoch(
  context: CommitmentContext,
  digest: Uint8Array,
  { epoch }: Commitment,
): 'new' | 'repeated' | 'epoch_taken' {
  const live = [context.held?.commitment, context.pending].filter((one) => one !== undefined)
  const same = live.find((one) => one.epoch === epoch)
  if (same && equalBytes(digestOf(context.domain, commitmentStructure, same), digest)) {
    return 'repeated'
  }
  return live.some((one) => epoch <= one.epoch) ? 'epoch_taken' : 'new'
}

function checkTariff(context: CommitmentContext, commitment: Commitment) {
  const { tariff, nowSeconds } = context
  if (!tariff) return 'tariff_not_in_force'
  if (nowSeconds < tariff.validFrom || nowSeconds >= tariff.validUntil) return 'tariff_not_in_force'
  if (commitment.unitsPerTick !== tariff.unitsPerTick) return 'wrong_price'
  if (commitment.pricePerTick !== tariff.pricePerTick) return 'wrong_price'
  return undefined
}

function checkMandate(context: CommitmentContext, commitment: Commitment) {
  const { mandate, tariff, nowSeconds } = context
  if (!mandate || nowSeconds < mandate.notBefore) return 'no_mandate'
  if (nowSeconds >= mandate.expiry) return 'expired'
  if (commitment.expiry > mandate.expiry) return 'expiry_too_late'
  if (tariff && commitment.expiry > tariff.validUntil) return 'expiry_too_late'
  if (commitment.expiry <= nowSeconds) return 'expired'
  return worstCase(commitment) > mandate.limit ? 'over_mandate' : undefined
}

function checkReservation(context: CommitmentContext, commitment: Commitment) {
  if (commitment.length > context.maxLength) return 'too_long'
  const after = worstCaseAfter(context, commitment)
  return after - worstCaseOf(context) > context.free ? 'no_funds' : undefined
}

/** The highest worst case of a channel's live commitments; 0 before it is opened. */
export function worstCaseOf(context: Pick<CommitmentContext, 'held' | 'pending'>): bigint {
  const held = context.held ? worstCase(context.held.commitment) : 0n
  const pending = context.pending ? worstCase(context.pending) : 0n
  return held > pending ? held : pending
}

/** The same once `commitment` is accepted: a checkpoint supersedes all, a renewal adds itself. */
export function worstCaseAfter(
  context: Pick<CommitmentContext, 'held'>,
  commitment: Commitment,
): bigint {
  const own = worstCase(commitment)
  if (commitment.kind === CHECKPOINT || !context.held) return own
  const held = worstCase(context.held.commitment)
  return own > held ? own : held
}

function checkContinuity(context: CommitmentContext, commitment: Commitment) {
  const { held } = context
  if (!held) return commitment.base === 0n && commitment.kind === CHECKPOINT ? undefined : broken
  const continues =
    commitment.kind === RENEWAL
      ? continuesAtEnd(held.commitment, commitment)
      : paysGap(held, commitment)
  return continues ? undefined : broken
}

const broken = 'not_continuous' as const

function continuesAtEnd(running: Commitment, renewal: Commitment): boolean {
  const { length } = running
  return (
    renewal.base === amountAt(running, length) &&
    renewal.startReading === readingAt(running, length)
  )
}

/** With k >= 0 whole ticks since the held state, at the old price and the old step. */
function paysGap(held: NonNullable<CommitmentContext['held']>, checkpoint: Commitment): boolean {
  const units = checkpoint.startReading - readingAt(held.commitment, held.index)
  if (units < 0n || units % held.commitment.unitsPerTick !== 0n) return false
  const ticks = units / held.commitment.unitsPerTick
  const owed = amountAt(held.commitment, held.index) + ticks * held.commitment.pricePerTick
  return checkpoint.base === owed
}
