/**
 * Tells followers of durable changes, this process's own at once and those of others when the
 * database tells of them or, if that was missed, at the next look.
 * @module
 */
import type { Cancel, Log, Timers } from '../../ports/index.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import type { Ledger, LedgerEvent } from '../ledger.ts'
import { type AllocationBook, stateOf } from '../rules/allocationRules.ts'
import type { Connection, Database } from './database.ts'
import { readAllocations } from './load.ts'
import { bytesAt, numberAt, textAt } from './rows.ts'
import type { Transactions } from './transactions.ts'

/** A change of this process, with its number in the allocation's row of changes. */
export type Changed = {
  readonly kind: LedgerEvent['kind']
  readonly book: AllocationBook
  readonly revision: number
}

export type News = {
  readonly follow: Ledger['follow']
  /** What this process has just made durable. */
  readonly tell: (changed: readonly Changed[]) => void
  readonly close: () => Promise<void>
}

const CHANNEL = 'tickpay_ledger'
/** A notification that was lost with its connection is made up for by then. */
const LOOK_MS = 5_000
const CHANGES_PER_LOOK_MAX = 1_000

const kinds: readonly LedgerEvent['kind'][] = [
  'opened',
  'funded',
  'paid',
  'withdrawal_requested',
  'withdrawn',
]

/** `seen`: the newest change of each allocation when the ledger was opened, by hex id. */
export function createNews(
  database: Database,
  transactions: Transactions,
  timers: Pick<Timers, 'every'>,
  log: Log,
  seen: Map<string, number>,
): News {
  const listeners = new Set<(event: LedgerEvent) => void>()
  let stops: readonly Cancel[] = []
  let looking: Promise<void> | undefined
  let isAskedAgain = false

  const announce = (id: string, revision: number, event: LedgerEvent) => {
    if ((seen.get(id) ?? 0) >= revision) return
    seen.set(id, revision)
    for (const listener of [...listeners]) listener(event)
  }
  const look = () => {
    if (looking) {
      isAskedAgain = true
      return
    }
    looking = catchUp(transactions, seen, announce)
      .catch((error: unknown) => {
        log('debug', 'changes of the ledger cannot be read just now', { reason: String(error) })
      })
      .finally(() => {
        looking = undefined
        if (!isAskedAgain) return
        isAskedAgain = false
        look()
      })
  }
  const start = () => {
    if (stops.length === 0) stops = [database.listen(CHANNEL, look), timers.every(LOOK_MS, look)]
  }
  const stop = () => {
    for (const one of stops) one()
    stops = []
  }
  return {
    follow: (onEvent) => {
      const listener = (event: LedgerEvent) => onEvent(event)
      listeners.add(listener)
      start()
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) stop()
      }
    },
    tell: (changed) => {
      for (const { kind, book, revision } of changed) {
        const id = bytesToHex(book.id)
        const isNext = (seen.get(id) ?? 0) + 1 === revision
        if (isNext) announce(id, revision, { kind, allocation: stateOf(book) })
        else if (listeners.size > 0) look()
      }
    },
    close: async () => {
      stop()
      isAskedAgain = false
      await looking
    },
  }
}

/** Changes that were not seen yet, each with the allocation as it is now. */
async function catchUp(
  transactions: Transactions,
  seen: ReadonlyMap<string, number>,
  announce: (id: string, revision: number, event: LedgerEvent) => void,
): Promise<void> {
  const ids = [...seen.keys()].flatMap((id) => parseHex(id) ?? [])
  const { rows, held } = await transactions.run('tickpay_gateway', async (connection) => {
    const rows = await unseen(connection, ids, [...seen.values()])
    const changed = rows.map((row) => bytesAt(row, 'allocation'))
    return { rows, held: rows.length > 0 ? await readAllocations(connection, changed) : [] }
  })
  const books = new Map(held.map(({ book }) => [bytesToHex(book.id), book]))
  for (const row of rows) {
    const id = bytesToHex(bytesAt(row, 'allocation'))
    const kind = kinds.find((one) => one === textAt(row, 'kind'))
    const book = books.get(id)
    if (!kind || !book) continue
    announce(id, numberAt(row, 'revision'), { kind, allocation: stateOf(book) })
  }
}

function unseen(
  { query }: Connection,
  ids: readonly Uint8Array[],
  revisions: readonly number[],
): ReturnType<Connection['query']> {
  return query(
    'SELECT c.allocation, c.revision, c.kind FROM allocations a' +
      ' LEFT JOIN unnest($1::bytea[], $2::bigint[]) AS s (id, revision) ON s.id = a.id' +
      ' JOIN changes c ON c.allocation = a.id AND c.revision > coalesce(s.revision, 0)' +
      ' WHERE a.revision > coalesce(s.revision, 0)' +
      ' ORDER BY c.allocation, c.revision LIMIT $3',
    [ids, revisions, CHANGES_PER_LOOK_MAX],
  )
}
