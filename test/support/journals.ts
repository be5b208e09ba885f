/**
 * Journals of short texts on a disk in memory: writing, reading back, and what goes wrong.
 */
import type { Journal, JournalOptions } from '../../gateway/store/journal.ts'
import { openJournal } from '../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../gateway/store/limits.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import type { MemoryDisk } from './memoryDisk.ts'

export const firstSegment = 'journal/0000000000000001.seg'
/** Small enough that a handful of records fills a segment. */
export const smallSegments = { ...defaultJournalLimits, segmentBytes: 300 }

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

export async function reopen(disk: MemoryDisk, options: JournalOptions = {}) {
  const entries: [bigint, string][] = []
  const journal = await openJournal(disk, {
    ...options,
    onEntry: ({ position, payload }) => entries.push([position, text(payload)]),
  })
  return { journal, entries, texts: entries.map(([, payload]) => payload) }
}

/** One record per text. */
export async function write(journal: Journal, ...texts: string[]) {
  for (const payload of texts) {
    journal.append(utf8ToBytes(payload))
    await journal.flush()
  }
}

export async function errorOf(work: Promise<unknown>): Promise<Error> {
  try {
    await work
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('expected an error')
}
