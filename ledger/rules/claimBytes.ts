/**
 * A claim as the ledger reads it: with the same strictness as the wire.
 * @module
 */
import { isUint64 } from '../../protocol/amount.ts'
import { bigEndian, concatBytes } from '../../protocol/bytes.ts'
import { type Sha256, WORD_BYTES } from '../../protocol/chain.ts'
import { SIGNATURE_BYTES } from '../../protocol/keys.ts'
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import type { Channel, Commitment, Mandate } from '../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  fromWire,
  mandateStructure,
  toWire,
} from '../../protocol/structures.ts'
import type { Claim, ClaimLeaf } from '../ledger.ts'
import type { Digester } from './digests.ts'

/** A claim whose every field is in range. */
export type ReadClaim = {
  readonly channel: Channel
  readonly mandate: Mandate
  readonly mandateSignature: Uint8Array
  readonly commitment: Commitment
  readonly commitmentSignature: Uint8Array
  readonly index: number
  readonly word: Uint8Array
  /** Checked against the statement in force, and only where there is one. */
  readonly leaf: ClaimLeaf | undefined
}

/** Reads a claim; undefined when a field is missing, of another type or out of range. */
export function readClaim(claim: Claim): ReadClaim | undefined {
  try {
    return readParts(claim)
  } catch {
    return undefined
  }
}

function readParts(claim: Claim): ReadClaim | undefined {
  const channel = fromWire(channelStructure, toWire(channelStructure, claim.channel))
  const mandate = fromWire(mandateStructure, toWire(mandateStructure, claim.mandate.value))
  const { value, signature } = claim.commitment
  const commitment = fromWire(commitmentStructure, toWire(commitmentStructure, value))
  if (!channel || !mandate || !commitment || !hasProofShape(claim)) return undefined
  return {
    channel,
    mandate,
    mandateSignature: claim.mandate.signature,
    commitment,
    commitmentSignature: signature,
    index: claim.index,
    word: claim.word,
    leaf: claim.leaf,
  }
}

function hasProofShape({ index, word, mandate, commitment }: Claim): boolean {
  return (
    Number.isInteger(index) &&
    index >= 0 &&
    index <= EPOCH_LENGTH_TICKS_MAX &&
    word.length === WORD_BYTES &&
    mandate.signature.length === SIGNATURE_BYTES &&
    commitment.signature.length === SIGNATURE_BYTES
  )
}

const MALFORMED = new Uint8Array(32)

/** One hash over everything that a claim says. */
export function fingerprintOf(
  read: ReadClaim | undefined,
  digester: Digester,
  hash: Sha256,
): Uint8Array {
  if (!read) return MALFORMED
  const { channel, mandate, mandateSignature, commitment, commitmentSignature, word } = read
  const said = [
    ...[digester.channel(channel), digester.mandate(mandate), mandateSignature],
    ...[digester.commitment(commitment), commitmentSignature, word],
  ]
  const leaf = read.leaf ? leafBytes(read.leaf) : new Uint8Array()
  return hash(concatBytes(...said, bigEndian(BigInt(read.index), 4), leaf))
}

/** A malformed leaf is refused when it is judged; here it only has to differ from others. */
function leafBytes({ amount, channelId, path }: ClaimLeaf): Uint8Array {
  const shown = isUint64(amount) ? amount : 0n
  const id = channelId === 'empty' ? new Uint8Array() : channelId
  return concatBytes(bigEndian(shown, 8), id, ...path)
}
