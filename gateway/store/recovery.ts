/**
 * Reads a journal back: checks the chain of records, hands their entries out in order and says
 * where writing goes on. Changes nothing on disk.
 * @module
 */
import type { Disk } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Head } from './heads.ts'
import { readHeads } from './heads.ts'
import type { Seal } from './record.ts'
import { decodeBody, HASH_BYTES, KEY_NONE } from './record.ts'
import type { SegmentEnd, SegmentRecord } from './segment.ts'
import { JOURNAL_FOLDER, parseSegmentName, readSegment, segmentPath } from './segment.ts'

export type Entry = { readonly position: bigint; readonly payload: Uint8Array }

export type ScanOptions = {
  /** Entries after this position are handed out; segments wholly before it are not read. */
  readonly after?: bigint
  readonly onEntry?: (entry: Entry) => void
  readonly seal?: Seal | undefined
  /** In place of the reference, which takes a second for 50 MB. */
  readonly hash?: Sha256 | undefined
  /** Hash before the first record of all, so that journals of two stores cannot be mixed. */
  readonly genesis?: Uint8Array
}

export type Segment = {
  readonly first: bigint
  /** Last position and hash; undefined while unread or empty. */
  head: Head | undefined
}

export type Scan = {
  readonly segments: Segment[]
  readonly dropped: readonly Head[]
  readonly head: Head
  /** Bytes of the last segment that are good; what follows them is torn. */
  readonly tailLength: number
  readonly tornBytes: number
}

/** @throws OperatorError naming segment, offset and what to do, when the journal is not whole */
export async function scanJournal(disk: Disk, options: ScanOptions): Promise<Scan> {
  const dropped = await readHeads(disk)
  const origin = dropped.at(-1) ?? {
    position: 0n,
    hash: options.genesis ?? new Uint8Array(HASH_BYTES),
  }
  const segments = await listSegments(disk, origin.position)
  checkFirst(segments, origin)
  const after = options.after ?? 0n
  const start = await firstToRead(disk, segments, after)
  const state: State = { options, after, head: start === 0 ? origin : undefined }
  let tail = { length: 0, torn: 0 }
  for (let index = start; index < segments.length; index++) {
    tail = await scanSegment(disk, segments, index, state)
  }
  const head = state.head ?? origin
  if (head.position < after) {
    throw new OperatorError(
      `the journal ends at position ${head.position} but a snapshot is at ${after}: segments are ` +
        'missing at its end, restore the store from a backup',
    )
  }
  return { segments, dropped, head, tailLength: tail.length, tornBytes: tail.torn }
}

/** `head` is undefined while the hash before the first read segment is not known. */
type State = { readonly options: ScanOptions; readonly after: bigint; head: Head | undefined }

/** Without segments that an interrupted drop left behind. */
async function listSegments(disk: Disk, droppedTo: bigint): Promise<Segment[]> {
  const names = await disk.list(JOURNAL_FOLDER)
  const firsts = names.map(parseSegmentName).filter((first) => first !== undefined)
  return firsts.filter((first) => first > droppedTo).map((first) => ({ first, head: undefined }))
}

function checkFirst(segments: readonly Segment[], origin: Head): void {
  const first = segments[0]?.first
  if (first === undefined ? origin.position === 0n : first === origin.position + 1n) return
  throw new OperatorError(
    `${segmentPath(origin.position + 1n)} is missing: restore it from a backup`,
  )
}

/** An empty last segment knows no hash, so the one before it is read as well. */
async function firstToRead(
  disk: Disk,
  segments: readonly Segment[],
  after: bigint,
): Promise<number> {
  const later = segments.findIndex((segment) => segment.first > after + 1n)
  const index = (later === -1 ? segments.length : later) - 1
  if (index <= 0) return 0
  const isLast = index === segments.length - 1
  const path = segmentPath(present(segments[index], 'within the list').first)
  const holdsHash = !isLast || ((await disk.read(path))?.length ?? 0) > 0
  return holdsHash ? index : index - 1
}

async function scanSegment(
  disk: Disk,
  segments: readonly Segment[],
  index: number,
  state: State,
): Promise<{ length: number; torn: number }> {
  const segment = present(segments[index], 'within the list')
  const path = segmentPath(segment.first)
  const bytes = present(await disk.read(path), 'a listed segment exists')
  const knownStart = state.head
  if (knownStart && segment.first !== knownStart.position + 1n) {
    throw new OperatorError(
      `${segmentPath(knownStart.position + 1n)} is missing: restore it from a backup`,
    )
  }
  let expected = segment.first
  const onRecord = (record: SegmentRecord) => {
    expected = takeRecord(path, record, expected, state)
  }
  const end = readSegment(bytes, knownStart?.hash, onRecord, state.options.hash)
  segment.head = expected > segment.first ? state.head : undefined
  checkEnd(path, end, index === segments.length - 1)
  return { length: end.offset, torn: bytes.length - end.offset }
}

/** Hands the entries out and returns the position after them. */
function takeRecord(path: string, record: SegmentRecord, expected: bigint, state: State): bigint {
  const { header, offset } = record
  if (header.position !== expected) {
    throw damaged(path, offset, `holds position ${header.position} instead of ${expected}`)
  }
  const entries = decodeBody(openBody(path, record, state.options.seal))
  if (!entries) throw damaged(path, offset, 'holds entries that do not add up')
  let position = expected
  for (const payload of entries) {
    if (position > state.after) state.options.onEntry?.({ position, payload })
    position += 1n
  }
  state.head = { position: position - 1n, hash: record.hash }
  return position
}

function openBody(path: string, record: SegmentRecord, seal: Seal | undefined): Uint8Array {
  const { header, body } = record
  if (header.keyId === KEY_NONE && !seal) return body
  if (header.keyId === KEY_NONE) {
    throw damaged(path, record.offset, 'is not sealed, as every record of this store is')
  }
  const opened = seal?.open(header.keyId, header.position, body)
  if (opened) return opened
  throw new OperatorError(
    `${path} is sealed with key ${header.keyId}, which is not the configured one: ` +
      'configure the key it was written with',
  )
}

function checkEnd(path: string, end: SegmentEnd, isLast: boolean): void {
  if (end.kind === 'complete' || (end.kind === 'torn' && isLast)) return
  if (end.kind === 'newer') {
    throw new OperatorError(
      `${path} was written by a newer version (format ${end.version}): upgrade this program`,
    )
  }
  throw damaged(path, end.offset, end.kind === 'torn' ? 'is cut short' : end.what)
}

function damaged(path: string, offset: number, what: string): OperatorError {
  return new OperatorError(
    `${path} is damaged: the record at byte ${offset} ${what}; ` +
      'check the disk and restore the store from a backup',
  )
}
