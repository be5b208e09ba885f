/**
 * Evidence of unsettled channels as a file: a CBOR sequence (RFC 8742) of byte strings, the first a
 * head, each further one a claim. Everything in it is signed or hashed by others, so it proves the
 * same wherever it is shown.
 *
 * ```
 * head  = ["tickpay claims", version, gateway, chainId, contract, seconds, number of claims]
 * claim = [Channel, [Mandate, signature], [Commitment, signature], index, word, leaf?]
 * leaf  = [amount, channelId or null, 20 siblings in one byte string]: of the statement in force
 * ```
 * @module
 */
import type { Claim, ClaimLeaf } from '../../ledger/ledger.ts'
import { concatBytes } from '../../protocol/bytes.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { STATEMENT_DEPTH } from '../../protocol/merkle.ts'
import {
  channelStructure,
  commitmentStructure,
  fromWire,
  mandateStructure,
  signedFromWire,
  signedToWire,
  toWire,
} from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'

export const CLAIM_FILE_VERSION = 1
const NAME = 'tickpay claims'
/** A claim has 700 to 1,000 bytes. */
export const CLAIM_BYTES_MAX = 4_096

export type ClaimFileHead = {
  readonly version: number
  readonly gateway: string
  /** The ledger that alone can pay the claims. */
  readonly domain: Domain
  readonly createdAtSeconds: number
  readonly claims: number
}

export function encodeClaimHead(head: ClaimFileHead): Uint8Array {
  const { version, gateway, domain, createdAtSeconds, claims } = head
  const { chainId, verifyingContract } = domain
  return encodeCbor([NAME, version, gateway, chainId, verifyingContract, createdAtSeconds, claims])
}

/** Undefined for anything that is no head of claims. */
export function decodeClaimHead(bytes: Uint8Array): ClaimFileHead | undefined {
  const wire = decodeCbor(bytes, CLAIM_BYTES_MAX)
  if (!Array.isArray(wire)) return undefined
  const [name, version, gateway, chainId, contract, seconds, claims] = wire as WireValue[]
  if (name !== NAME || typeof gateway !== 'string') return undefined
  if (!(contract instanceof Uint8Array)) return undefined
  const numbers = [version, chainId, seconds, claims].map(readInteger)
  const [format, chain, createdAtSeconds, count] = numbers
  if (format === undefined || chain === undefined) return undefined
  if (createdAtSeconds === undefined || count === undefined) return undefined
  const domain = { chainId: chain, verifyingContract: contract }
  const times = { createdAtSeconds: Number(createdAtSeconds), claims: Number(count) }
  return { version: Number(format), gateway, domain, ...times }
}

function readInteger(wire: WireValue | undefined): bigint | undefined {
  return typeof wire === 'number' || typeof wire === 'bigint' ? BigInt(wire) : undefined
}

export function encodeClaim(claim: Claim): Uint8Array {
  const { channel, mandate, commitment, index, word, leaf } = claim
  return encodeCbor([
    toWire(channelStructure, channel),
    signedToWire(mandateStructure, mandate),
    signedToWire(commitmentStructure, commitment),
    index,
    word,
    ...(leaf ? [leafToWire(leaf)] : []),
  ])
}

function leafToWire({ amount, channelId, path }: ClaimLeaf): WireValue {
  return [amount, channelId === 'empty' ? null : channelId, concatBytes(...path)]
}

function leafFromWire(wire: WireValue): ClaimLeaf | undefined {
  if (!Array.isArray(wire) || wire.length !== 3) return undefined
  const [said, channelId, siblings] = wire as WireValue[]
  const amount = readInteger(said)
  if (amount === undefined || !(siblings instanceof Uint8Array)) return undefined
  if (siblings.length !== STATEMENT_DEPTH * 32) return undefined
  const path = Array.from({ length: STATEMENT_DEPTH }, (_, height) =>
    siblings.slice(32 * height, 32 * height + 32),
  )
  if (channelId === null) return { amount, channelId: 'empty', path }
  return channelId instanceof Uint8Array ? { amount, channelId, path } : undefined
}

/** Undefined for bytes that are no claim; whether it proves anything is for a ledger to say. */
export function decodeClaim(bytes: Uint8Array): Claim | undefined {
  const wire = decodeCbor(bytes, CLAIM_BYTES_MAX)
  if (!Array.isArray(wire) || (wire.length !== 5 && wire.length !== 6)) return undefined
  const [first, second, third, index, word, sixth] = wire as WireValue[]
  const channel = fromWire(channelStructure, first ?? null)
  const mandate = signedFromWire(mandateStructure, second ?? null)
  const commitment = signedFromWire(commitmentStructure, third ?? null)
  if (!channel || !mandate || !commitment) return undefined
  if (typeof index !== 'number' || !(word instanceof Uint8Array)) return undefined
  if (sixth === undefined) return { channel, mandate, commitment, index, word }
  const leaf = leafFromWire(sixth)
  return leaf && { channel, mandate, commitment, index, word, leaf }
}

/** An item as it stands in the file. */
export function frameItem(item: Uint8Array): Uint8Array {
  return encodeCbor(item)
}

const SHORT_MAX = 0x57
const ONE_BYTE = 0x58
const TWO_BYTES = 0x59

/** The items of a file; undefined when it is cut short or holds anything else. */
export function splitItems(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const items: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0
    const sizeBytes = first === TWO_BYTES ? 2 : first === ONE_BYTE ? 1 : 0
    if (first < 0x40 || (sizeBytes === 0 && first > SHORT_MAX)) return undefined
    const start = at + 1 + sizeBytes
    if (start > bytes.length) return undefined
    let length = sizeBytes === 0 ? first - 0x40 : 0
    for (let i = at + 1; i < start; i++) length = length * 256 + (bytes[i] ?? 0)
    if (start + length > bytes.length) return undefined
    items.push(bytes.subarray(start, start + length))
    at = start + length
  }
  return items
}
