/**
 * The bytes of one journal record: everything that became durable with one sync, all or nothing.
 *
 * ```
 * u32 body length | u8 format version | u8 key id | u64 first position | previous hash[32]
 * header check[8] = first bytes of SHA-256(the 46 bytes above)
 * body            = (u32 length | entry)*, sealed as a whole when the key id is not 0
 * check[8]        = first bytes of the record's hash = SHA-256(previous hash | header | body)
 * ```
 *
 * Integers are big-endian. The header has a check of its own, so that a length can be believed
 * before the body is there: this is what tells a torn write from a damaged disk.
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assert } from '../../protocol/assert.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'

export const FORMAT_VERSION = 1
export const HASH_BYTES = 32
const PLAIN_HEADER_BYTES = 4 + 1 + 1 + 8 + HASH_BYTES
const CHECK_BYTES = 8
export const HEADER_BYTES = PLAIN_HEADER_BYTES + CHECK_BYTES
/** What a record costs beside its body. */
export const OVERHEAD_BYTES = HEADER_BYTES + CHECK_BYTES
const ENTRY_HEADER_BYTES = 4
/** Key id of records that are not sealed. */
export const KEY_NONE = 0

/**
 * Encrypts bodies. `keyId` (1..255) is written into each header; `open` returns undefined when the
 * body was not sealed with that key for that position.
 */
export type Seal = {
  readonly keyId: number
  readonly seal: (position: bigint, body: Uint8Array) => Uint8Array
  readonly open: (keyId: number, position: bigint, sealed: Uint8Array) => Uint8Array | undefined
}

export type Header = {
  readonly bodyLength: number
  readonly version: number
  readonly keyId: number
  /** Position of the first entry in the body. */
  readonly position: bigint
  readonly previous: Uint8Array
}

export type HeaderReading =
  | { readonly kind: 'header'; readonly header: Header }
  /** The bytes end inside the header. */
  | { readonly kind: 'short' }
  /** The header does not meet its own check. */
  | { readonly kind: 'damaged' }

/** Bytes that `entry` takes in a body. */
export function entryBytes(entry: Uint8Array): number {
  return ENTRY_HEADER_BYTES + entry.length
}

/** Writes an entry of a body at `at`, where there must be room, and returns where it ends. */
export function writeEntry(body: Uint8Array, at: number, entry: Uint8Array): number {
  body[at] = entry.length >>> 24
  body[at + 1] = entry.length >>> 16
  body[at + 2] = entry.length >>> 8
  body[at + 3] = entry.length
  body.set(entry, at + ENTRY_HEADER_BYTES)
  return at + entryBytes(entry)
}

/** Bytes that the entry at `at` takes in a body. */
export function entryBytesAt(body: Uint8Array, at: number): number {
  return ENTRY_HEADER_BYTES + view(body).getUint32(at)
}

/** The entries of a body, copied; undefined when the lengths do not add up. */
export function decodeBody(body: Uint8Array): readonly Uint8Array[] | undefined {
  const entries: Uint8Array[] = []
  let at = 0
  while (at < body.length) {
    if (at + ENTRY_HEADER_BYTES > body.length) return undefined
    const length = view(body).getUint32(at)
    const end = at + ENTRY_HEADER_BYTES + length
    if (end > body.length) return undefined
    entries.push(new Uint8Array(body.subarray(at + ENTRY_HEADER_BYTES, end)))
    at = end
  }
  return entries.length > 0 ? entries : undefined
}

/** A record's bytes and its hash, which the next record carries as `previous`. */
export type EncodedRecord = { readonly bytes: Uint8Array; readonly hash: Uint8Array }

/** The record of a body. */
export function encodeRecord(
  previous: Uint8Array,
  position: bigint,
  keyId: number,
  body: Uint8Array,
  hash?: Sha256,
): EncodedRecord {
  const bytes = new Uint8Array(OVERHEAD_BYTES + body.length)
  bytes.set(body, HEADER_BYTES)
  return completeRecord(bytes, previous, position, keyId, hash)
}

/**
 * Makes the record of the body that lies in `bytes` already, with `HEADER_BYTES` before it and the
 * rest of `OVERHEAD_BYTES` after it.
 */
export function completeRecord(
  bytes: Uint8Array,
  previous: Uint8Array,
  position: bigint,
  keyId: number,
  hash: Sha256 = sha256,
): EncodedRecord {
  assert(previous.length === HASH_BYTES, 'a previous hash has 32 bytes')
  const bodyEnd = bytes.length - CHECK_BYTES
  const fields = view(bytes)
  fields.setUint32(0, bodyEnd - HEADER_BYTES)
  fields.setUint8(4, FORMAT_VERSION)
  fields.setUint8(5, keyId)
  fields.setBigUint64(6, position)
  bytes.set(previous, 14)
  bytes.set(headerCheck(bytes, hash), PLAIN_HEADER_BYTES)
  // The previous hash is part of the header, so hashing the record links it to the one before.
  const own = hash(bytes.subarray(0, bodyEnd))
  bytes.set(own.subarray(0, CHECK_BYTES), bodyEnd)
  return { bytes, hash: own }
}

/** Reads the header at `offset`. */
export function readHeader(bytes: Uint8Array, offset: number, hash?: Sha256): HeaderReading {
  if (offset + HEADER_BYTES > bytes.length) return { kind: 'short' }
  const at = bytes.subarray(offset, offset + HEADER_BYTES)
  if (!equalBytes(headerCheck(at, hash), at.subarray(PLAIN_HEADER_BYTES)))
    return { kind: 'damaged' }
  const fields = view(at)
  const header: Header = {
    bodyLength: fields.getUint32(0),
    version: fields.getUint8(4),
    keyId: fields.getUint8(5),
    position: fields.getBigUint64(6),
    previous: new Uint8Array(at.subarray(14, 14 + HASH_BYTES)),
  }
  return { kind: 'header', header }
}

/**
 * The body of the record at `offset`, whose header was read, and the record's hash; undefined when
 * the check does not meet. The whole record must be within `bytes`.
 */
export function readBody(
  bytes: Uint8Array,
  offset: number,
  header: Header,
  hash: Sha256 = sha256,
): { readonly body: Uint8Array; readonly hash: Uint8Array } | undefined {
  const bodyEnd = offset + HEADER_BYTES + header.bodyLength
  assert(bodyEnd + CHECK_BYTES <= bytes.length, 'the record is complete')
  const own = hash(bytes.subarray(offset, bodyEnd))
  const check = bytes.subarray(bodyEnd, bodyEnd + CHECK_BYTES)
  if (!equalBytes(own.subarray(0, CHECK_BYTES), check)) return undefined
  return { body: bytes.subarray(offset + HEADER_BYTES, bodyEnd), hash: own }
}

function headerCheck(header: Uint8Array, hash: Sha256 = sha256): Uint8Array {
  return hash(header.subarray(0, PLAIN_HEADER_BYTES)).subarray(0, CHECK_BYTES)
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
