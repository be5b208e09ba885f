/**
 * Receipts: how far a channel had come, as a leaf below a root that the gateway signs once for all
 * channels that moved. A device that keeps its newest one can prove the amount to anybody.
 * @module
 */
import { equalBytes } from './bytes.ts'
import type { WireValue } from './cbor.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import type { PublicKey, Verify } from './keys.ts'
import { CHANNELS_PER_DEVICE_MAX, POSITIONS_MAX, WIRE_VERSION } from './limits.ts'
import { receiptDepth, receiptLeaf, rootFromPath, STATEMENT_DEPTH } from './merkle.ts'
import type { Receipt, ReceiptRoot, Signed } from './structures.ts'
import {
  digestOf,
  fromWire,
  receiptRootStructure,
  receiptStructure,
  signedFromWire,
  signedToWire,
  toWire,
} from './structures.ts'
import type { Domain } from './typedData.ts'

/** down/receipt: all that proves one receipt. */
export type ReceiptProof = {
  readonly receipt: Receipt
  /** Number of the leaf. */
  readonly place: number
  /** Siblings of the leaf, bottom up. */
  readonly path: readonly Uint8Array[]
  readonly root: Signed<ReceiptRoot>
}

/** up/receipt: asks for the newest receipt of a slot once more. */
export type ReceiptRequest = { readonly slot: number }

/** `[version, [Receipt], place, [siblings], Signed ReceiptRoot]`. */
export function encodeReceipt({ receipt, place, path, root }: ReceiptProof): Uint8Array {
  return encodeCbor([
    WIRE_VERSION,
    toWire(receiptStructure, receipt),
    place,
    [...path],
    signedToWire(receiptRootStructure, root),
  ])
}

/** Undefined for anything that is not exactly the message; it may still prove nothing. */
export function decodeReceipt(bytes: Uint8Array): ReceiptProof | undefined {
  const wire = decodeCbor(bytes)
  if (!Array.isArray(wire) || wire.length !== 5 || wire[0] !== WIRE_VERSION) return undefined
  const [, receiptWire, place, pathWire, rootWire] = wire
  const receipt = fromWire(receiptStructure, receiptWire ?? null)
  const root = signedFromWire(receiptRootStructure, rootWire ?? null)
  const path = readPath(pathWire ?? null)
  if (!receipt || !root || !path) return undefined
  if (typeof place !== 'number' || place >= POSITIONS_MAX) return undefined
  return { receipt, place, path, root }
}

function readPath(wire: WireValue): readonly Uint8Array[] | undefined {
  if (!Array.isArray(wire) || wire.length > STATEMENT_DEPTH) return undefined
  const isSibling = (one: WireValue) => one instanceof Uint8Array && one.length === 32
  return wire.every(isSibling) ? (wire as Uint8Array[]) : undefined
}

export function encodeReceiptRequest({ slot }: ReceiptRequest): Uint8Array {
  return encodeCbor([WIRE_VERSION, slot])
}

export function decodeReceiptRequest(bytes: Uint8Array): ReceiptRequest | undefined {
  const wire = decodeCbor(bytes)
  if (!Array.isArray(wire) || wire.length !== 2 || wire[0] !== WIRE_VERSION) return undefined
  const slot = wire[1]
  return typeof slot === 'number' && slot < CHANNELS_PER_DEVICE_MAX ? { slot } : undefined
}

/** Why a receipt proves nothing. */
export const receiptFaults = ['wrong_path', 'wrong_gateway', 'bad_signature'] as const
export type ReceiptFault = (typeof receiptFaults)[number]

/** Whom a verifier trusts. */
export type ReceiptTrust = {
  readonly domain: Domain
  readonly gateway: string
  readonly key: PublicKey
}

/** What is wrong with a receipt; undefined when the gateway has signed exactly this. */
export function receiptFault(
  proof: ReceiptProof,
  { domain, gateway, key }: ReceiptTrust,
  verify: Verify,
): ReceiptFault | undefined {
  const { value, signature } = proof.root
  if (!isBelowRoot(proof)) return 'wrong_path'
  if (value.gateway !== gateway) return 'wrong_gateway'
  const digest = digestOf(domain, receiptRootStructure, value)
  return verify(key, digest, signature) ? undefined : 'bad_signature'
}

/** The depth follows from how many channels the root is over, never from the path. */
function isBelowRoot({ receipt, place, path, root }: ReceiptProof): boolean {
  const { channels } = root.value
  if (channels < 1 || channels > POSITIONS_MAX || place >= channels) return false
  if (path.length !== receiptDepth(channels)) return false
  return equalBytes(rootFromPath(receiptLeaf(receipt), place, path), root.value.root)
}
