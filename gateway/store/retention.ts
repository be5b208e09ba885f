/**
 * How long journal segments stay. The time of a segment is that of the first entry of the next one:
 * nothing in it is younger.
 * @module
 */
import type { Disk } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import { decodeEntry } from '../state/entries.ts'
import type { Journal } from './journal.ts'
import type { Seal } from './record.ts'
import {
  decodeBody,
  HEADER_BYTES,
  KEY_NONE,
  OVERHEAD_BYTES,
  readBody,
  readHeader,
} from './record.ts'
import { JOURNAL_FOLDER, parseSegmentName, segmentPath } from './segment.ts'

export type SegmentTimes = {
  /**
   * The position from which on segments stay: everything before it is older than `seconds` since
   * 1970. Only whole segments count.
   */
  readonly keptFrom: (seconds: number) => Promise<bigint>
}

export function createSegmentTimes(disk: Disk, seal: Seal | undefined, hash: Sha256): SegmentTimes {
  // A segment is read once for its time, which never changes.
  const known = new Map<bigint, number>()
  const timeOf = async (first: bigint): Promise<number | undefined> => {
    const bytes = known.has(first) ? undefined : await disk.read(segmentPath(first))
    const seconds = bytes && firstSeconds(bytes, seal, hash)
    if (seconds !== undefined) known.set(first, seconds)
    return known.get(first)
  }
  return {
    keptFrom: async (seconds) => {
      const names = await disk.list(JOURNAL_FOLDER)
      const firsts = names.map(parseSegmentName).filter((first) => first !== undefined)
      for (const first of known.keys()) if (!firsts.includes(first)) known.delete(first)
      let kept = present(firsts[0], 'a journal has a segment')
      for (const first of firsts.slice(1)) {
        const time = await timeOf(first)
        if (time === undefined || time > seconds) break
        kept = first
      }
      return kept
    },
  }
}

/** A journal that drops no segment with anything younger than `oldestSeconds` answers. */
export function retainingJournal(
  journal: Journal,
  times: SegmentTimes,
  oldestSeconds: () => number,
): Journal {
  return {
    ...journal,
    dropBefore: async (position) => {
      const kept = await times.keptFrom(oldestSeconds())
      await journal.dropBefore(kept < position ? kept : position)
    },
  }
}

/** Time of the first entry; undefined for an empty segment. */
function firstSeconds(bytes: Uint8Array, seal: Seal | undefined, hash: Sha256): number | undefined {
  const reading = bytes.length >= HEADER_BYTES ? readHeader(bytes, 0, hash) : undefined
  if (reading?.kind !== 'header') return undefined
  const { header } = reading
  if (OVERHEAD_BYTES + header.bodyLength > bytes.length) return undefined
  const body = readBody(bytes, 0, header, hash)?.body
  const isPlain = header.keyId === KEY_NONE
  const plain = body && !isPlain ? seal?.open(header.keyId, header.position, body) : body
  const [entry] = (plain && decodeBody(plain)) ?? []
  return entry && decodeEntry(entry).seconds
}
