/**
 * Evidence of unsettled channels as a file: a CBOR sequence (RFC 8742) of byte strings, the first a
 * head, each further one a claim. Everything in it is signed or hashed by others, so it proves the
 * same wherever it is shown.
 *
 * ```
 * head  = ["tickpay claims", version, gateway, chainId, contract, seconds, number of claims]
 * claim = [Channel, [Mandate, signature], [Commitment, signature], index, word]
 * ```
 * @module
 */
import type { Claim } from '../../ledger/ledger.ts'
import type { WireValue } from '../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
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

export function encodeClaim({ channel, mandate, commitment, index, word }: Claim): Uint8Array {
  return encodeCbor([
    toWire(channelStructure, channel),
    signedToWire(mandateStructure, mandate),
    signedToWire(commitmentStructure, commitment),
    index,
    word,
  ])
}

/** Undefined for bytes that are no claim; whether it proves anything is for a ledger to say. */
export function decodeClaim(bytes: Uint8Array): Claim | undefined {
  const wire = decodeCbor(bytes, CLAIM_BYTES_MAX)
  if (!Array.isArray(wire) || wire.length !== 5) return undefined
  const [first, second, third, index, word] = wire as WireValue[]
  const channel = fromWire(channelStructure, first ?? null)
  const mandate = signedFromWire(mandateStructure, second ?? null)
  const commitment = signedFromWire(commitmentStructure, third ?? null)
  if (!channel || !mandate || !commitment) return undefined
  if (typeof index !== 'number' || !(word instanceof Uint8Array)) return undefined
  return { channel, mandate, commitment, index, word }
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
