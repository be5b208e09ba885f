/**
 * Entries that wait for a flush, already as the body of the record that they become: an entry is
 * copied once, and the record is completed around it.
 * @module
 */
import type { Sha256 } from '../../protocol/chain.ts'
import type { EncodedRecord, Seal } from './record.ts'
import {
  completeRecord,
  encodeRecord,
  entryBytes,
  entryBytesAt,
  HEADER_BYTES,
  KEY_NONE,
  OVERHEAD_BYTES,
  writeEntry,
} from './record.ts'

export type PendingBody = {
  /** Room for a header, the body, and room for the check. */
  bytes: Uint8Array
  /** Where the body ends. */
  end: number
}

const BYTES_MIN = 16_384
const TAIL_BYTES = OVERHEAD_BYTES - HEADER_BYTES
/** What a batch of an unusual size took is given back. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024

/** An empty body, in the memory of one that was written where that can be used again. */
export function emptyBody(written?: PendingBody): PendingBody {
  const isKept = written !== undefined && written.bytes.length <= KEPT_BYTES_MAX
  return { bytes: isKept ? written.bytes : new Uint8Array(BYTES_MIN), end: HEADER_BYTES }
}

export function addEntry(pending: PendingBody, entry: Uint8Array): void {
  const needed = pending.end + entryBytes(entry) + TAIL_BYTES
  if (needed > pending.bytes.length) {
    const larger = new Uint8Array(2 * needed)
    larger.set(pending.bytes.subarray(0, pending.end))
    pending.bytes = larger
  }
  pending.end = writeEntry(pending.bytes, pending.end, entry)
}

/** The entries of one record: `bytes[from, to)` of a body. */
export type Share = { readonly from: number; readonly to: number; readonly count: number }

/** As many entries as fit into one record; undefined when none is left at `from`. */
export function nextShare(
  { bytes, end }: PendingBody,
  from: number,
  bytesMax: number,
): Share | undefined {
  if (from >= end) return undefined
  let to = from
  let count = 0
  while (to < end) {
    const next = to + entryBytesAt(bytes, to)
    if (next - from > bytesMax) break
    to = next
    count += 1
  }
  return { from, to, count }
}

/** Where the entries of a body begin. */
export const BODY_START = HEADER_BYTES

export type RecordPlace = {
  readonly previous: Uint8Array
  /** Of the first entry. */
  readonly position: bigint
  readonly seal: Seal | undefined
  readonly hash: Sha256 | undefined
}

/**
 * The record of some entries. That of a whole body lies in the body's own memory, and is valid for
 * as long as that is not used again.
 */
export function recordOf(
  { bytes, end }: PendingBody,
  { from, to }: Share,
  { previous, position, seal, hash }: RecordPlace,
): EncodedRecord {
  if (seal) {
    const sealed = seal.seal(position, bytes.subarray(from, to))
    return encodeRecord(previous, position, seal.keyId, sealed, hash)
  }
  if (from === BODY_START && to === end) {
    const whole = bytes.subarray(0, end + TAIL_BYTES)
    return completeRecord(whole, previous, position, KEY_NONE, hash)
  }
  return encodeRecord(previous, position, KEY_NONE, bytes.subarray(from, to), hash)
}
