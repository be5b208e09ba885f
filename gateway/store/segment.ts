/**
 * One journal segment: its name, and reading it from the first record to the last. A write that a
 * crash cut short is told apart from a damaged disk here: the first is repaired in silence, because
 * nobody was promised those bytes; the second never is, because somebody was.
 * @module
 */
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Header } from './record.ts'
import { FORMAT_VERSION, HEADER_BYTES, OVERHEAD_BYTES, readBody, readHeader } from './record.ts'

export const JOURNAL_FOLDER = 'journal'
const SECTOR_BYTES = 512
/**
 * So many zero bytes where a record has other bytes were never written; one bad bit is not enough.
 */
const HOLE_BYTES = 8

export type SegmentRecord = {
  readonly offset: number
  readonly header: Header
  readonly body: Uint8Array
  readonly hash: Uint8Array
}

/** How reading ended, at `offset`. */
export type SegmentEnd =
  | { readonly kind: 'complete'; readonly offset: number }
  /** The bytes from here on are of a write that never finished. */
  | { readonly kind: 'torn'; readonly offset: number }
  | { readonly kind: 'damaged'; readonly offset: number; readonly what: string }
  | { readonly kind: 'newer'; readonly offset: number; readonly version: number }

/** `journal/00000000000003e9.seg` for the segment that starts at position 1001. */
export function segmentPath(first: bigint): string {
  return `${JOURNAL_FOLDER}/${first.toString(16).padStart(16, '0')}.seg`
}

/** First position of the segment called `name`; undefined for other files. */
export function parseSegmentName(name: string): bigint | undefined {
  const digits = /^([0-9a-f]{16})\.seg$/.exec(name)?.[1]
  return digits === undefined ? undefined : BigInt(`0x${digits}`)
}

/**
 * Calls `onRecord` for each good record in order and says how the segment ends. `previous` is the
 * hash before the first record; undefined takes what the first record says.
 */
export function readSegment(
  bytes: Uint8Array,
  previous: Uint8Array | undefined,
  onRecord: (record: SegmentRecord) => void,
  hash?: Sha256,
): SegmentEnd {
  let offset = 0
  let expected = previous
  while (offset < bytes.length) {
    const record = readRecord(bytes, offset, hash)
    if (!('body' in record)) return record
    if (expected && !equalBytes(expected, record.header.previous)) {
      const what = `does not follow the record before it (${bytesToHex(expected.slice(0, 8))})`
      return { kind: 'damaged', offset, what }
    }
    onRecord(record)
    expected = record.hash
    offset += OVERHEAD_BYTES + record.header.bodyLength
  }
  return { kind: 'complete', offset }
}

function readRecord(
  bytes: Uint8Array,
  offset: number,
  hash: Sha256 | undefined,
): SegmentRecord | SegmentEnd {
  const reading = readHeader(bytes, offset, hash)
  if (reading.kind === 'short') return { kind: 'torn', offset }
  if (reading.kind === 'damaged') return tornOrDamaged(bytes, offset, 'has a damaged header')
  const { header } = reading
  if (header.version > FORMAT_VERSION) return { kind: 'newer', offset, version: header.version }
  if (offset + OVERHEAD_BYTES + header.bodyLength > bytes.length) return { kind: 'torn', offset }
  const found = readBody(bytes, offset, header, hash)
  if (!found) return tornOrDamaged(bytes, offset, 'does not meet its checksum')
  return { offset, header, ...found }
}

/**
 * A file system may have extended the file before it wrote all of its sectors; those read as zeros,
 * and nothing can have been appended after them.
 */
function tornOrDamaged(bytes: Uint8Array, offset: number, what: string): SegmentEnd {
  const hole = isZero(bytes, offset, offset + HOLE_BYTES) || endsInHole(bytes, offset)
  if (hole && !hasRecordAfter(bytes, offset)) return { kind: 'torn', offset }
  return { kind: 'damaged', offset, what }
}

function endsInHole(bytes: Uint8Array, offset: number): boolean {
  const lastSector = Math.floor((bytes.length - 1) / SECTOR_BYTES) * SECTOR_BYTES
  const from = Math.max(lastSector, bytes.length - HOLE_BYTES, offset)
  return isZero(bytes, from, bytes.length)
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}

/**
 * Every record carries all that its own check needs, so one can be found without the ones before.
 */
function hasRecordAfter(bytes: Uint8Array, offset: number): boolean {
  for (let at = offset + 1; at + HEADER_BYTES <= bytes.length; at++) {
    const version = bytes[at + 4] ?? 0
    if (version > 0 && version <= FORMAT_VERSION && isRecord(bytes, at)) return true
  }
  return false
}

function isRecord(bytes: Uint8Array, offset: number): boolean {
  const reading = readHeader(bytes, offset)
  if (reading.kind !== 'header') return false
  const end = offset + OVERHEAD_BYTES + reading.header.bodyLength
  return end <= bytes.length && readBody(bytes, offset, reading.header) !== undefined
}
