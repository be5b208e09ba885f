/**
 * What a claim is worth: the checks on per-channel evidence, in order. The order is API: what costs
 * nothing comes before signatures, and signatures before the chain. A refusal pays nothing.
 * @module
 */
import { isUint64 } from '../../protocol/amount.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { leadsTo, type Sha256 } from '../../protocol/chain.ts'
import { amountAt, readingAt, worstCase } from '../../protocol/channel.ts'
import { algorithms, type PublicKey, type Verify } from '../../protocol/keys.ts'
import { EPOCH_LENGTH_TICKS_MAX, POSITIONS_MAX } from '../../protocol/limits.ts'
import type { Allocation, Channel, Commitment, Mandate } from '../../protocol/structures.ts'
import { CHECKPOINT, RENEWAL } from '../../protocol/structures.ts'
import type { ReadClaim } from './claimBytes.ts'
import type { Digester } from './digests.ts'
import { leafAmount, type StatementInForce } from './statementRules.ts'

/** In order of precedence. The order is API. */
export const claimReasons = [
  /** A field is missing, out of range or contradicts another one of its structure. */
  'malformed',
  /** This ledger has no such allocation; evidence for another ledger ends here. */
  'unknown_allocation',
  /** Payee, fee, fleet, gateway or asset of the channel are not the allocation's. */
  'wrong_terms',
  /** Mandate or commitment are for another channel than the one shown. */
  'wrong_channel',
  /** The position belongs to a channel that was paid before; positions are never reused. */
  'position_taken',
  /** The mandate is not valid yet. */
  'mandate_early',
  /** Past the mandate's `claimUntil`. */
  'mandate_expired',
  /** The word lies beyond the end of its commitment. */
  'out_of_range',
  /** A renewal without one of its own words. */
  'not_evidence',
  /** More hash steps than this ledger follows. */
  'too_long_tail',
  /** More than the fleet allowed for the channel. */
  'over_mandate',
  /** A statement is in force, and the claim does not show what it says of the channel. */
  'no_leaf',
  /** What is shown is not part of the statement in force. */
  'wrong_leaf',
  /** The statement in force has another channel at this position. */
  'foreign_leaf',
  'bad_mandate_signature',
  'bad_commitment_signature',
  /** The word does not lead to the commitment's root. */
  'bad_word',
  /** The allocation holds less than the difference; the same claim may be shown again. */
  'no_funds',
] as const
export type ClaimReason = (typeof claimReasons)[number]

/** What the checks read of an allocation. */
export type ClaimTerms = Allocation & {
  readonly feeBasisPoints: number
  readonly signerKey: PublicKey
}

export type ClaimContext = {
  readonly maxTail: number
  readonly nowSeconds: number
  /** The allocation that the channel names, if this ledger has it. */
  readonly allocation: ClaimTerms | undefined
  /** Id of the channel that was paid at this position before. */
  readonly holder: Uint8Array | undefined
  /** The statement in force for the allocation, if there is one. */
  readonly statement?: StatementInForce | undefined
  /** The newest proof seen for this position; only saves work. */
  readonly proven: Proven | undefined
}

export type ClaimTools = {
  readonly digester: Digester
  readonly verify: Verify
  readonly hash: Sha256
  /** Walks the chain; by `hash` where there is none. */
  readonly leadsTo?: LeadsTo
}

/** True when `word` at `index` leads to `earlier` at `earlierIndex` on the chain with this bind. */
export type LeadsTo = (
  bind: Uint8Array,
  word: Uint8Array,
  index: number,
  earlier: Uint8Array,
  earlierIndex: number,
) => boolean

/**
 * What was checked already. Signatures are remembered together with the digests they are of, so
 * that a good structure with a bad signature is never taken for a checked one.
 */
export type Proven = {
  readonly mandate: Signature
  readonly commitment: Signature
  readonly bind: Uint8Array
  readonly index: number
  readonly word: Uint8Array
}

type Signature = { readonly digest: Uint8Array; readonly signature: Uint8Array }

/** `amount` is proved for the channel; `proven` is worth remembering. */
export type Evidence = {
  readonly verdict: 'proved'
  readonly channelId: Uint8Array
  readonly amount: bigint
  /** What the statement in force says of the channel; 0 where none is in force. */
  readonly leaf: bigint
  readonly proven: Proven
}
export type Refusal = { readonly verdict: ClaimReason; readonly channelId: Uint8Array }

const noChannel = new Uint8Array()

/**
 * Judges one claim, as `readClaim` read it, by itself. Whether it adds to what is paid is for the
 * books to say.
 */
export function checkClaim(
  context: ClaimContext,
  read: ReadClaim | undefined,
  tools: ClaimTools,
): Evidence | Refusal {
  if (!read || !isWellFormed(read)) return { verdict: 'malformed', channelId: noChannel }
  const channelId = tools.digester.channel(read.channel)
  const refused =
    checkTerms(context, read, channelId) ??
    checkTime(context, read.mandate) ??
    checkAmount(context, read)
  if (refused) return { verdict: refused, channelId }
  const leaf = leafOf(context, read, channelId)
  if (typeof leaf === 'string') return { verdict: leaf, channelId }
  const forged = checkSignatures(context, read, tools)
  if (forged) return { verdict: forged, channelId }
  const bind = checkWord(context.proven, read, tools)
  if (!bind) return { verdict: 'bad_word', channelId }
  const amount = amountAt(read.commitment, read.index)
  return {
    verdict: 'proved',
    channelId,
    amount,
    leaf,
    proven: provenBy(read, tools.digester, bind),
  }
}

function leafOf({ statement }: ClaimContext, read: ReadClaim, channelId: Uint8Array) {
  return statement ? leafAmount(statement, read.channel.position, channelId, read.leaf) : 0n
}

function provenBy(read: ReadClaim, digester: Digester, bind: Uint8Array): Proven {
  const { mandate, mandateSignature, commitment, commitmentSignature, index, word } = read
  return {
    mandate: { digest: digester.mandate(mandate), signature: mandateSignature.slice() },
    commitment: { digest: digester.commitment(commitment), signature: commitmentSignature.slice() },
    bind,
    index,
    word: word.slice(),
  }
}

function isWellFormed({ channel, mandate, commitment }: ReadClaim): boolean {
  return isChannel(channel) && isMandate(mandate) && isCommitment(commitment)
}

function isChannel(channel: Channel): boolean {
  return algorithms[channel.payerAlgorithm - 1] !== undefined && channel.position < POSITIONS_MAX
}

function isMandate({ notBefore, expiry, claimUntil }: Mandate): boolean {
  return notBefore < expiry && expiry <= claimUntil
}

function isCommitment(commitment: Commitment): boolean {
  const { kind, epoch, length } = commitment
  if (kind !== RENEWAL && kind !== CHECKPOINT) return false
  if (epoch < 1 || length < 1 || length > EPOCH_LENGTH_TICKS_MAX) return false
  if (commitment.unitsPerTick < 1n) return false
  return isUint64(worstCase(commitment)) && isUint64(readingAt(commitment, length))
}

function checkTerms(
  context: ClaimContext,
  { channel, mandate, commitment }: ReadClaim,
  channelId: Uint8Array,
): ClaimReason | undefined {
  const { allocation, holder } = context
  if (!allocation) return 'unknown_allocation'
  if (!isUnder(allocation, channel)) return 'wrong_terms'
  if (!equalBytes(mandate.channelId, channelId)) return 'wrong_channel'
  if (!equalBytes(commitment.channelId, channelId)) return 'wrong_channel'
  return holder && !equalBytes(holder, channelId) ? 'position_taken' : undefined
}

function isUnder(allocation: ClaimTerms, channel: Channel): boolean {
  return (
    equalBytes(channel.payee, allocation.payee) &&
    channel.feeBasisPoints === allocation.feeBasisPoints &&
    channel.fleet === allocation.fleet &&
    channel.gateway === allocation.gateway &&
    channel.assetCode === allocation.assetCode &&
    channel.assetScale === allocation.assetScale
  )
}

function checkTime({ nowSeconds }: ClaimContext, mandate: Mandate): ClaimReason | undefined {
  if (nowSeconds < mandate.notBefore) return 'mandate_early'
  return nowSeconds > mandate.claimUntil ? 'mandate_expired' : undefined
}

function checkAmount(
  { maxTail }: ClaimContext,
  { commitment, index, mandate }: ReadClaim,
): ClaimReason | undefined {
  if (index > commitment.length) return 'out_of_range'
  if (commitment.kind === RENEWAL && index === 0) return 'not_evidence'
  if (index > maxTail) return 'too_long_tail'
  return amountAt(commitment, index) > mandate.limit ? 'over_mandate' : undefined
}

/** A digest covers the channel id, and that the payer's key: the same digest is the same key. */
function checkSignatures(
  { allocation, proven }: ClaimContext,
  { channel, mandate, mandateSignature, commitment, commitmentSignature }: ReadClaim,
  { digester, verify }: ClaimTools,
): ClaimReason | undefined {
  const algorithm = algorithms[channel.payerAlgorithm - 1]
  if (!allocation || !algorithm) return 'malformed'
  const digest = digester.mandate(mandate)
  if (!isProven(proven?.mandate, digest, mandateSignature)) {
    if (!verify(allocation.signerKey, digest, mandateSignature)) return 'bad_mandate_signature'
  }
  const promise = digester.commitment(commitment)
  if (!isProven(proven?.commitment, promise, commitmentSignature)) {
    const payerKey = { algorithm, bytes: channel.payerKey }
    if (!verify(payerKey, promise, commitmentSignature)) return 'bad_commitment_signature'
  }
  return undefined
}

function isProven(
  proven: Signature | undefined,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (proven === undefined || !equalBytes(proven.digest, digest)) return false
  return equalBytes(proven.signature, signature)
}

/** The chain's bind when the word belongs to the commitment's chain, else undefined. */
function checkWord(
  proven: Proven | undefined,
  { commitment, index, word }: ReadClaim,
  { digester, hash, leadsTo: walk }: ClaimTools,
): Uint8Array | undefined {
  const isKnown = proven && equalBytes(proven.commitment.digest, digester.commitment(commitment))
  const known = isKnown ? proven : undefined
  const bind = known?.bind ?? digester.bind(commitment, hash)
  const near = known && known.index <= index ? known : { index: 0, word: commitment.root }
  const isProved = walk
    ? walk(bind, word, index, near.word, near.index)
    : leadsTo(bind, word, index, near.word, near.index, hash)
  return isProved ? bind : undefined
}
