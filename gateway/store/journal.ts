/**
 * The append-only journal: the gateway's truth. Entries are appended in memory; a flush writes all
 * of them as one hash-chained record, syncs once, and only then may anything be acknowledged.
 * @module
 */
import type { AppendFile, Disk } from '../../ports/index.ts'
import { assert, present } from '../../protocol/assert.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Head } from './heads.ts'
import { writeHeads } from './heads.ts'
import type { JournalLimits } from './limits.ts'
import { defaultJournalLimits } from './limits.ts'
import type { PendingBody, Share } from './pendingBody.ts'
import { addEntry, BODY_START, emptyBody, nextShare, recordOf } from './pendingBody.ts'
import type { Seal } from './record.ts'
import { entryBytes, readHeader } from './record.ts'
import type { ScanOptions, Segment } from './recovery.ts'
import { scanJournal } from './recovery.ts'
import { JOURNAL_FOLDER, parseSegmentName, segmentPath } from './segment.ts'

export type Journal = {
  /**
   * Adds a copy of an entry to the next flush and returns its position. Nothing is promised until a
   * flush that started later has resolved.
   */
  readonly append: (payload: Uint8Array) => bigint
  /**
   * Makes everything appended so far durable: one write, one sync. Resolves with the last durable
   * position. A failure is final: this call and all later ones of any kind reject with the same
   * error, because after a failed sync nobody knows what the disk holds.
   */
  readonly flush: () => Promise<bigint>
  /** The last durable position and the hash of its record; position 0 when empty. */
  readonly head: () => Head
  /** Removes segments that hold only positions below `position`; their heads are kept. */
  readonly dropBefore: (position: bigint) => Promise<void>
  /** Heads of the dropped segments, oldest first. */
  readonly droppedHeads: () => readonly Head[]
  /** True when free space was below the limit at the last check (at open and at each segment). */
  readonly spaceLow: () => boolean
  /** Checks the free space now. */
  readonly checkSpace: () => Promise<boolean>
  /** Flushes and closes. */
  readonly close: () => Promise<void>
}

export type JournalOptions = ScanOptions & { readonly limits?: JournalLimits }

type State = {
  readonly disk: Disk
  readonly limits: JournalLimits
  readonly seal: Seal | undefined
  readonly hash: Sha256 | undefined
  readonly segments: Segment[]
  dropped: readonly Head[]
  head: Head
  file: AppendFile
  fileBytes: number
  pending: PendingBody
  /** A body that was written: its memory serves the next but one. */
  written: PendingBody | undefined
  nextPosition: bigint
  spaceLow: boolean
  failure: { readonly error: unknown } | undefined
  /** Settles when the flush that is running has ended. */
  running: Promise<unknown>
}

/**
 * Opens the journal in `journal/`, replays the entries after `options.after` through
 * `options.onEntry`, and repairs a torn tail.
 * @throws OperatorError when the journal is damaged, incomplete, sealed or newer
 */
export async function openJournal(disk: Disk, options: JournalOptions = {}): Promise<Journal> {
  const scan = await scanJournal(disk, options)
  await removeDropped(disk, scan.dropped.at(-1)?.position ?? 0n)
  const { segments, dropped, head, tailLength } = scan
  if (segments.length === 0) segments.push({ first: 1n, head: undefined })
  const { first } = present(segments.at(-1), 'a journal has a segment')
  const file = await disk.openAppend(segmentPath(first), tailLength)
  await file.sync()
  const state: State = {
    disk,
    limits: options.limits ?? defaultJournalLimits,
    seal: options.seal,
    hash: options.hash,
    segments,
    dropped,
    head,
    file,
    fileBytes: tailLength,
    pending: emptyBody(),
    written: undefined,
    nextPosition: head.position + 1n,
    spaceLow: false,
    failure: undefined,
    running: Promise.resolve(),
  }
  await checkSpace(state)
  return operations(state)
}

function operations(state: State): Journal {
  return {
    append: (payload) => {
      throwFailure(state)
      assert(entryBytes(payload) <= state.limits.recordBytesMax, 'an entry fits into a record')
      addEntry(state.pending, payload)
      return state.nextPosition++
    },
    flush: () => inTurn(state, () => flush(state)),
    head: () => state.head,
    dropBefore: (position) => inTurn(state, () => dropBefore(state, position)),
    droppedHeads: () => state.dropped,
    spaceLow: () => state.spaceLow,
    checkSpace: () => checkSpace(state),
    close: () => inTurn(state, () => close(state)),
  }
}

/** Runs `work` after what was started before it; its failure is the journal's end. */
function inTurn<T>(state: State, work: () => Promise<T>): Promise<T> {
  const result = state.running.then(async () => {
    throwFailure(state)
    try {
      return await work()
    } catch (error) {
      state.failure ??= { error }
      throw error
    }
  })
  state.running = result.catch(() => {})
  return result
}

function throwFailure(state: State): void {
  if (state.failure) throw state.failure.error
}

async function flush(state: State): Promise<bigint> {
  const { recordBytesMax } = state.limits
  const body = state.pending
  let share = nextShare(body, BODY_START, recordBytesMax)
  if (!share) return state.head.position
  state.pending = emptyBody(state.written)
  state.written = undefined
  // Each record is synced before the next is begun, so that only the last one can ever be torn.
  while (share) {
    await writeRecord(state, body, share)
    share = nextShare(body, share.to, recordBytesMax)
  }
  state.written = body
  return state.head.position
}

async function writeRecord(state: State, body: PendingBody, share: Share): Promise<void> {
  const { head, seal, hash } = state
  const first = head.position + 1n
  const record = recordOf(body, share, { previous: head.hash, position: first, seal, hash })
  if (state.fileBytes > 0 && state.fileBytes + record.bytes.length > state.limits.segmentBytes) {
    await startSegment(state)
  }
  await state.file.append(record.bytes)
  await state.file.sync()
  state.fileBytes += record.bytes.length
  state.head = { position: first + BigInt(share.count) - 1n, hash: record.hash }
  present(state.segments.at(-1), 'a journal has a segment').head = state.head
}

async function startSegment(state: State): Promise<void> {
  await checkSpace(state)
  await state.file.close()
  const first = state.head.position + 1n
  state.file = await state.disk.openAppend(segmentPath(first), 0)
  state.fileBytes = 0
  state.segments.push({ first, head: undefined })
}

async function checkSpace(state: State): Promise<boolean> {
  state.spaceLow = (await state.disk.freeShare()) < state.limits.freeShareMin
  return state.spaceLow
}

async function dropBefore(state: State, position: bigint): Promise<void> {
  const dropped: Head[] = []
  for (let next = state.segments[1]; next && next.first <= position; next = state.segments[1]) {
    dropped.push(await headOfFirst(state, next))
    state.segments.shift()
  }
  if (dropped.length === 0) return
  // Heads first: a crash in between leaves segments that the next start removes.
  const heads = [...state.dropped, ...dropped]
  await writeHeads(state.disk, heads)
  state.dropped = heads
  await removeDropped(state.disk, present(heads.at(-1), 'not empty').position)
}

/** Head of the first segment: known when it was read or written, else the next one names it. */
async function headOfFirst(state: State, next: Segment): Promise<Head> {
  const known = state.segments[0]?.head
  if (known) return known
  const bytes = present(await state.disk.read(segmentPath(next.first)), 'the segment exists')
  const reading = readHeader(bytes, 0)
  assert(reading.kind === 'header', 'a segment that is not the last starts with a record')
  return { position: next.first - 1n, hash: reading.header.previous }
}

async function removeDropped(disk: Disk, droppedTo: bigint): Promise<void> {
  for (const name of await disk.list(JOURNAL_FOLDER)) {
    const first = parseSegmentName(name)
    if (first !== undefined && first <= droppedTo) await disk.remove(segmentPath(first))
  }
}

async function close(state: State): Promise<void> {
  await flush(state)
  await state.file.close()
  state.failure = { error: new Error('the journal is closed') }
}
