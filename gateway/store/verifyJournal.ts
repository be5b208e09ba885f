/**
 * Checks a journal from its first byte to its last without changing anything, and names the first
 * record that is not what was written.
 * @module
 */
import type { Disk } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Head } from './heads.ts'
import { HEADS_PATH, readHeads } from './heads.ts'
import type { Purge } from './purges.ts'
import { PURGES_PATH, readPurges } from './purges.ts'
import type { Seal } from './record.ts'
import { decodeBody, KEY_NONE } from './record.ts'
import type { SegmentRecord } from './segment.ts'
import { JOURNAL_FOLDER, parseSegmentName, readSegment, segmentPath } from './segment.ts'

export type VerifyJournalOptions = {
  /** Hash before the first record of all. */
  readonly genesis: Uint8Array
  readonly seal: Seal | undefined
  readonly hash: Sha256
  /** Heads that were published earlier: each must be in the chain. */
  readonly published?: readonly Head[]
  readonly onSegment?: (path: string, records: number) => void
  readonly onEntry?: (position: bigint, payload: Uint8Array) => void
}

/** Where the chain breaks: at byte `offset` of `segment`, where `position` should be. */
export type JournalFault = {
  readonly segment: string
  readonly offset: number
  readonly position: bigint
  readonly problem: string
}

export type JournalVerdict = {
  readonly fault: JournalFault | undefined
  /** The last good record. */
  readonly head: Head
  readonly records: number
  readonly segments: number
  /** Position up to which segments were dropped; 0 when all are there. */
  readonly droppedTo: bigint
  readonly purges: readonly Purge[]
  /** Bytes at the end of a write that never finished: nobody was promised those. */
  readonly tornBytes: number
}

type State = {
  readonly options: VerifyJournalOptions
  readonly awaited: Map<bigint, Uint8Array>
  head: Head
  records: number
  segments: number
  tornBytes: number
}

type Found = Omit<JournalFault, 'segment'>

export async function verifyJournal(
  disk: Disk,
  options: VerifyJournalOptions,
): Promise<JournalVerdict> {
  const read = await readOrigin(disk, options)
  const state: State = {
    options,
    awaited: new Map(options.published?.map(({ position, hash }) => [position, hash])),
    head: read.origin,
    records: 0,
    segments: 0,
    tornBytes: 0,
  }
  const fault = read.fault ?? (await verifySegments(disk, state, read.dropped))
  const { head, records, segments, tornBytes } = state
  const droppedTo = read.origin.position
  return { fault, head, records, segments, droppedTo, purges: read.purges, tornBytes }
}

const unmatched = new OperatorError(`${PURGES_PATH} and ${HEADS_PATH} do not tell the same`)

function sameHead(a: Head, b: Head): boolean {
  return a.position === b.position && equalBytes(a.hash, b.hash)
}

async function readOrigin(disk: Disk, { genesis, hash }: VerifyJournalOptions) {
  const start: Head = { position: 0n, hash: genesis }
  try {
    const dropped = await readHeads(disk)
    const isRising = dropped.every(
      (one, place) => one.position > (dropped[place - 1]?.position ?? 0n),
    )
    if (!isRising) throw new OperatorError(`${HEADS_PATH} holds positions that do not rise`)
    const purges = await readPurges(disk, hash)
    for (const { head } of purges) if (!dropped.some((one) => sameHead(one, head))) throw unmatched
    return { origin: dropped.at(-1) ?? start, dropped, purges, fault: undefined }
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const fault = { segment: HEADS_PATH, offset: 0, position: 0n, problem: error.message }
    return { origin: start, dropped: [], purges: [], fault }
  }
}

async function verifySegments(
  disk: Disk,
  state: State,
  dropped: readonly Head[],
): Promise<JournalFault | undefined> {
  for (const head of dropped) {
    if (!meets(state, head)) return publishedFault(HEADS_PATH, 0, head.position)
  }
  const firsts = await segmentsAfter(disk, state.head.position)
  for (const [place, first] of firsts.entries()) {
    const segment = segmentPath(first)
    const next = state.head.position + 1n
    if (first !== next) {
      return { segment: segmentPath(next), offset: 0, position: next, problem: 'is missing' }
    }
    const found = await verifySegment(disk, segment, state, place === firsts.length - 1)
    if (found) return { segment, ...found }
  }
  const [missing] = state.awaited.keys()
  if (missing === undefined) return undefined
  const last = segmentPath(firsts.at(-1) ?? state.head.position + 1n)
  return publishedFault(last, 0, missing)
}

async function segmentsAfter(disk: Disk, droppedTo: bigint): Promise<readonly bigint[]> {
  const firsts = (await disk.list(JOURNAL_FOLDER)).map(parseSegmentName)
  const kept = firsts.filter((first) => first !== undefined && first > droppedTo)
  return kept.filter((first) => first !== undefined)
}

async function verifySegment(
  disk: Disk,
  segment: string,
  state: State,
  isLast: boolean,
): Promise<Found | undefined> {
  const bytes = await disk.read(segment)
  if (!bytes) return { offset: 0, position: state.head.position + 1n, problem: 'is missing' }
  let found: Found | undefined
  let records = 0
  const end = readSegment(
    bytes,
    state.head.hash,
    (record) => {
      found ??= takeRecord(record, state)
      records += 1
    },
    state.options.hash,
  )
  if (found) return found
  state.records += records
  state.segments += 1
  state.options.onSegment?.(segment, records)
  const position = state.head.position + 1n
  const { offset } = end
  switch (end.kind) {
    case 'complete':
      return undefined
    case 'newer':
      return { offset, position, problem: `is of a newer version (format ${end.version})` }
    case 'damaged':
      return { offset, position, problem: end.what }
    case 'torn':
      state.tornBytes = bytes.length - offset
      return isLast ? undefined : { offset, position, problem: 'is cut short' }
  }
}

function takeRecord({ header, body, offset, hash }: SegmentRecord, state: State) {
  const position = state.head.position + 1n
  const fault = (problem: string): Found => ({ offset, position, problem })
  if (header.position !== position) return fault(`says that it is position ${header.position}`)
  const { seal } = state.options
  const isPlain = header.keyId === KEY_NONE
  if (isPlain !== (seal === undefined)) {
    return fault(isPlain ? 'is not sealed' : 'is sealed, and no key is configured')
  }
  const opened = seal ? seal.open(header.keyId, position, body) : body
  if (!opened) return fault('does not open with its key')
  const entries = decodeBody(opened)
  if (!entries) return fault('holds entries that do not add up')
  for (const [place, payload] of entries.entries()) {
    state.options.onEntry?.(position + BigInt(place), payload)
  }
  state.head = { position: position + BigInt(entries.length) - 1n, hash }
  return meets(state, state.head) ? undefined : publishedFault('', offset, state.head.position)
}

/** False when another hash was published for this position. */
function meets(state: State, { position, hash }: Head): boolean {
  const awaited = state.awaited.get(position)
  if (!awaited) return true
  state.awaited.delete(position)
  return equalBytes(awaited, hash)
}

function publishedFault(segment: string, offset: number, position: bigint): JournalFault {
  const problem = 'is not the record whose head was published, or is gone'
  return { segment, offset, position, problem }
}
