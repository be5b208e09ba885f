/**
 * The entries of the ledger, page by page.
 * @module
 */
import { entriesAnswer, type LedgerEntry, readAnswer } from './answers.ts'
import type { Calls } from './io/controlClient.ts'

export type EntriesQuery = {
  readonly account: string | undefined
  /** Number of the first entry; undefined: from the beginning. */
  readonly from: number | undefined
  /** Undefined: up to the end. */
  readonly limit: number | undefined
}

/** As many as one answer carries. */
const pageMax = 1_000

/** All entries that the query asks for, oldest first. */
export async function readEntries(calls: Calls, query: EntriesQuery): Promise<LedgerEntry[]> {
  const { account, limit = Number.MAX_SAFE_INTEGER } = query
  const found: LedgerEntry[] = []
  for (let from = query.from; found.length < limit; ) {
    const page = { account, from, limit: Math.min(pageMax, limit - found.length) }
    const answer = readAnswer(entriesAnswer, await calls.call('ledger_entries', page))
    found.push(...answer.entries)
    if (answer.next === undefined) break
    from = answer.next
  }
  return found
}
