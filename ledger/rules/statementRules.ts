/**
 * What a statement is worth, and how statements and evidence go together. No unit is paid twice,
 * because a statement must name what evidence was paid, and evidence counts from what the statement
 * in force says of its channel. The order of the checks is API.
 * @module
 */
import { isUint64 } from '../../protocol/amount.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { type PublicKey, SIGNATURE_BYTES, type Verify } from '../../protocol/keys.ts'
import { POSITIONS_MAX } from '../../protocol/limits.ts'
import { EMPTY_LEAF, rootFromPath, STATEMENT_DEPTH, statementLeaf } from '../../protocol/merkle.ts'
import type { Statement } from '../../protocol/structures.ts'
import { digestOf, fromWire, statementStructure, toWire } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { ClaimLeaf, StatementSubmission } from '../ledger.ts'

/** In order of precedence. The order is API. */
export const statementReasons = [
  /** A field is missing, out of range or contradicts another one. */
  'malformed',
  /** This ledger has no such allocation. */
  'unknown_allocation',
  /** Not higher than the sequence of the statement in force. */
  'old_sequence',
  /** Past its expiry. */
  'expired',
  /** Evidence was paid that the statement does not know of, or it claims more than was paid. */
  'evidence_differs',
  /** More than was set aside; the same statement may be shown again. */
  'no_funds',
  'bad_gateway_signature',
  'bad_fleet_signature',
] as const
export type StatementReason = (typeof statementReasons)[number]

/** What the checks read of an allocation. */
export type StatementTerms = {
  readonly setAside: bigint
  /** Paid both ways. */
  readonly paid: bigint
  readonly evidencePaid: bigint
  readonly statementSequence: number
  /** 32 bytes, of the statement in force; absent when there was none. */
  readonly statementDigest: Uint8Array | undefined
  readonly gatewayKey: PublicKey | undefined
  readonly signerKey: PublicKey
}

export type StatementContext = {
  readonly domain: Domain
  readonly nowSeconds: number
  /** The allocation that the statement names, if this ledger has it. */
  readonly allocation: StatementTerms | undefined
}

export type SoundStatement = {
  readonly verdict: 'sound'
  readonly digest: Uint8Array
  /** To be paid now. */
  readonly pays: bigint
  /** All that is paid for the allocation then. */
  readonly paid: bigint
}

export type StatementVerdict =
  | SoundStatement
  /** The statement in force itself. */
  | { readonly verdict: 'repeated' }
  | { readonly verdict: StatementReason }

/** Judges one statement; what follows from a sound one is for the books. */
export function checkStatement(
  { domain, nowSeconds, allocation }: StatementContext,
  submission: StatementSubmission,
  verify: Verify,
): StatementVerdict {
  const statement = readStatement(submission)
  if (!statement) return { verdict: 'malformed' }
  if (!allocation) return { verdict: 'unknown_allocation' }
  const digest = digestOf(domain, statementStructure, statement)
  const { statementDigest, statementSequence } = allocation
  if (statementDigest && equalBytes(statementDigest, digest)) return { verdict: 'repeated' }
  if (statement.sequence <= statementSequence) return { verdict: 'old_sequence' }
  const refused =
    checkFigures(allocation, statement, nowSeconds) ??
    checkSignatures(allocation, digest, submission, verify)
  if (refused) return { verdict: refused }
  const paid = statement.total > allocation.paid ? statement.total : allocation.paid
  return { verdict: 'sound', digest, pays: paid - allocation.paid, paid }
}

/** The statement when every field is in range; undefined otherwise. */
export function readStatement(submission: StatementSubmission): Statement | undefined {
  try {
    const { gatewaySignature, fleetSignature } = submission
    const statement = fromWire(statementStructure, toWire(statementStructure, submission.statement))
    const isSigned =
      gatewaySignature.length === SIGNATURE_BYTES && fleetSignature.length === SIGNATURE_BYTES
    if (!statement || !isSigned) return undefined
    const { sequence, positions, issuedAt, expiry } = statement
    const isSound = sequence >= 1 && positions <= POSITIONS_MAX && issuedAt < expiry
    return isSound ? statement : undefined
  } catch {
    return undefined
  }
}

function checkFigures(
  { evidencePaid, setAside }: StatementTerms,
  statement: Statement,
  nowSeconds: number,
): StatementReason | undefined {
  if (nowSeconds > statement.expiry) return 'expired'
  if (statement.evidencePaid !== evidencePaid) return 'evidence_differs'
  return statement.total > setAside ? 'no_funds' : undefined
}

function checkSignatures(
  { gatewayKey, signerKey }: StatementTerms,
  digest: Uint8Array,
  { gatewaySignature, fleetSignature }: StatementSubmission,
  verify: Verify,
): StatementReason | undefined {
  if (!gatewayKey || !verify(gatewayKey, digest, gatewaySignature)) return 'bad_gateway_signature'
  return verify(signerKey, digest, fleetSignature) ? undefined : 'bad_fleet_signature'
}

/** What the checks on a leaf can refuse; part of the reasons of a claim. */
export type LeafReason = 'no_leaf' | 'wrong_leaf' | 'foreign_leaf'

/** The statement in force, as far as evidence has to do with it. */
export type StatementInForce = {
  /** 0 when there was none. */
  readonly statementSequence: number
  /** 32 bytes. */
  readonly statementRoot: Uint8Array
}

/**
 * What the statement in force says of a channel: an amount, 0 for an empty leaf, or why the leaf
 * proves nothing. A leaf of another channel is a refusal and never 0.
 */
export function leafAmount(
  { statementSequence, statementRoot }: StatementInForce,
  position: number,
  channelId: Uint8Array,
  leaf: ClaimLeaf | undefined,
): bigint | LeafReason {
  if (statementSequence === 0) return 0n
  if (!leaf) return 'no_leaf'
  if (!isLeafSound(leaf)) return 'wrong_leaf'
  const hash = leaf.channelId === 'empty' ? EMPTY_LEAF : hashOf(leaf.channelId, leaf, position)
  if (!equalBytes(rootFromPath(hash, position, leaf.path), statementRoot)) return 'wrong_leaf'
  if (leaf.channelId === 'empty') return 0n
  return equalBytes(leaf.channelId, channelId) ? leaf.amount : 'foreign_leaf'
}

const hashOf = (channelId: Uint8Array, { amount }: ClaimLeaf, position: number) =>
  statementLeaf({ position, channelId, amount })

function isLeafSound({ amount, channelId, path }: ClaimLeaf): boolean {
  const isChannel = channelId === 'empty' ? amount === 0n : channelId.length === 32
  return isChannel && isUint64(amount) && isPath(path)
}

const isPath = (path: readonly Uint8Array[]) =>
  path.length === STATEMENT_DEPTH && path.every((sibling) => sibling.length === 32)

/**
 * Up to where a channel is settled: the higher of what evidence was paid for it and what the
 * statement in force says. A claim pays what it proves beyond.
 */
export function settledUpTo(evidencePaid: bigint, leaf: bigint): bigint {
  return evidencePaid > leaf ? evidencePaid : leaf
}
