/**
 * A claim as bytes: read with the same strictness as the wire, and marked by the hash of each part,
 * so that what was checked before is recognised without a signature or a digest.
 * @module
 */
import { bigEndian, concatBytes } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
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
import type { Claim } from '../ledger.ts'

/** A claim whose every field is in range. A mark is the hash of a part with its signature. */
export type ReadClaim = {
  readonly channel: Channel
  readonly mandate: Mandate
  readonly mandateSignature: Uint8Array
  readonly commitment: Commitment
  readonly commitmentSignature: Uint8Array
  readonly index: number
  readonly word: Uint8Array
  readonly channelMark: Uint8Array
  readonly mandateMark: Uint8Array
  readonly commitmentMark: Uint8Array
}

/** Reads a claim; undefined when a field is missing, of another type or out of range. */
export function readClaim(claim: Claim, hash: Sha256): ReadClaim | undefined {
  try {
    return readParts(claim, hash)
  } catch {
    return undefined
  }
}

function readParts(claim: Claim, hash: Sha256): ReadClaim | undefined {
  const wires = {
    channel: toWire(channelStructure, claim.channel),
    mandate: toWire(mandateStructure, claim.mandate.value),
    commitment: toWire(commitmentStructure, claim.commitment.value),
  }
  const channel = fromWire(channelStructure, wires.channel)
  const mandate = fromWire(mandateStructure, wires.mandate)
  const commitment = fromWire(commitmentStructure, wires.commitment)
  if (!channel || !mandate || !commitment || !hasProofShape(claim)) return undefined
  return {
    channel,
    mandate,
    mandateSignature: claim.mandate.signature,
    commitment,
    commitmentSignature: claim.commitment.signature,
    index: claim.index,
    word: claim.word,
    channelMark: hash(encodeCbor(wires.channel)),
    mandateMark: hash(encodeCbor([wires.mandate, claim.mandate.signature])),
    commitmentMark: hash(encodeCbor([wires.commitment, claim.commitment.signature])),
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

const malformedMark = new Uint8Array(32)

/** One hash over everything that a list of claims says, in order. */
export function fingerprintOf(reads: readonly (ReadClaim | undefined)[], hash: Sha256): Uint8Array {
  return hash(concatBytes(...reads.map((read) => (read ? proofMark(read, hash) : malformedMark))))
}

function proofMark(read: ReadClaim, hash: Sha256): Uint8Array {
  const { channelMark, mandateMark, commitmentMark, index, word } = read
  return hash(
    concatBytes(channelMark, mandateMark, commitmentMark, bigEndian(BigInt(index), 4), word),
  )
}
