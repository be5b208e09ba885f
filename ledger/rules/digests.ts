/**
 * EIP-712 digests of the structures in a claim. The same bytes as `digestOf` makes, without
 * repeating what all claims have in common: ten thousand claims are thirty thousand digests.
 * @module
 */
import { BIND_BYTES, type Sha256 } from '../../protocol/chain.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import type { Channel, Commitment, Mandate } from '../../protocol/structures.ts'
import {
  channelStructure,
  commitmentStructure,
  mandateStructure,
} from '../../protocol/structures.ts'
import type { Domain, Field, FieldValue, StructureType } from '../../protocol/typedData.ts'
import { domainSeparator, typeHash } from '../../protocol/typedData.ts'
import { TEXT_HASHES_MAX } from '../limits.ts'

const FIELD_BYTES = 32
const UINT64_OFFSET = 24
const ADDRESS_OFFSET = 12

/** Makes digests in one domain. Values must have passed `fromWire`. */
export type Digester = {
  readonly channel: (channel: Channel) => Uint8Array
  readonly mandate: (mandate: Mandate) => Uint8Array
  readonly commitment: (commitment: Commitment) => Uint8Array
  /** What every step of the commitment's chain hashes; equals `bindOf`. */
  readonly bind: (commitment: Commitment, hash: Sha256) => Uint8Array
}

type Encoder = (value: Readonly<Record<string, FieldValue>>) => Uint8Array

export function digesterOf(domain: Domain): Digester {
  const seal = sealer(domain)
  const hashText = textHasher()
  const encodeChannel = encoder(channelStructure.type, hashText)
  const encodeMandate = encoder(mandateStructure.type, hashText)
  const encodeCommitment = encoder(commitmentStructure.type, hashText)
  return {
    channel: (channel) => seal(encodeChannel(channel)),
    mandate: (mandate) => seal(encodeMandate(mandate)),
    commitment: (commitment) => seal(encodeCommitment(commitment)),
    bind: (commitment, hash) => bindFrom(encodeCommitment(commitment), hash),
  }
}

/** For the values of one claim only: each digest is made once, however often it is asked for. */
export function digesterOfOne(digester: Digester): Digester {
  let channelId: Uint8Array | undefined
  let mandateDigest: Uint8Array | undefined
  let commitmentDigest: Uint8Array | undefined
  let bound: Uint8Array | undefined
  return {
    channel: (channel) => (channelId ??= digester.channel(channel)),
    mandate: (mandate) => (mandateDigest ??= digester.mandate(mandate)),
    commitment: (commitment) => (commitmentDigest ??= digester.commitment(commitment)),
    bind: (commitment, hash) => (bound ??= digester.bind(commitment, hash)),
  }
}

/** keccak256(0x19 0x01 | domain separator | keccak256(encoded)). */
function sealer(domain: Domain): (encoded: Uint8Array) => Uint8Array {
  const frame = new Uint8Array(2 + 2 * FIELD_BYTES)
  frame.set([0x19, 0x01])
  frame.set(domainSeparator(domain), 2)
  return (encoded) => {
    frame.set(keccak256(encoded), 2 + FIELD_BYTES)
    return keccak256(frame)
  }
}

function textHasher(): (text: string) => Uint8Array {
  const known = new Map<string, Uint8Array>()
  const utf8 = new TextEncoder()
  return (text) => {
    const found = known.get(text)
    if (found) return found
    if (known.size >= TEXT_HASHES_MAX) known.clear()
    const hash = keccak256(utf8.encode(text))
    known.set(text, hash)
    return hash
  }
}

/**
 * Type hash, then one word a field. Every call writes to the same bytes, which the caller hashes at
 * once: what a field leaves 0 in its word, every value of it leaves 0.
 */
function encoder(type: StructureType, hashText: (text: string) => Uint8Array): Encoder {
  const hash = typeHash(type)
  const encoded = new Uint8Array(FIELD_BYTES * (1 + type.fields.length))
  const view = new DataView(encoded.buffer)
  encoded.set(hash)
  return (value) => {
    let offset = FIELD_BYTES
    for (const field of type.fields) {
      writeField(encoded, view, offset, field, value[field.name] ?? 0, hashText)
      offset += FIELD_BYTES
    }
    return encoded
  }
}

function writeField(
  encoded: Uint8Array,
  view: DataView,
  offset: number,
  field: Field,
  value: FieldValue,
  hashText: (text: string) => Uint8Array,
): void {
  if (typeof value === 'bigint') view.setBigUint64(offset + UINT64_OFFSET, value)
  else if (typeof value === 'number') writeNumber(view, offset + UINT64_OFFSET, value)
  else if (typeof value === 'string') encoded.set(hashText(value), offset)
  else if (field.type === 'bytes') encoded.set(keccak256(value), offset)
  else encoded.set(value, field.type === 'address' ? offset + ADDRESS_OFFSET : offset)
}

/** A safe integer of at least 0 as 64 bits. */
function writeNumber(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / 0x1_0000_0000))
  view.setUint32(offset + 4, value >>> 0)
}

const rootOffset =
  FIELD_BYTES * (1 + commitmentStructure.type.fields.findIndex((field) => field.name === 'root'))

function bindFrom(encoded: Uint8Array, hash: Sha256): Uint8Array {
  const terms = new Uint8Array(encoded.length - FIELD_BYTES)
  terms.set(encoded.subarray(0, rootOffset))
  terms.set(encoded.subarray(rootOffset + FIELD_BYTES), rootOffset)
  return hash(terms).slice(0, BIND_BYTES)
}
