/**
 * The books as people and programs read them, and the audit that recomputes every figure.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Entry } from '../embedded/records.ts'
import type { Balance, ChannelPaid, EntryPage, EntryQuery } from '../embedded/reports.ts'
import { ENTRIES_PER_PAGE_MAX } from '../limits.ts'
import type { Account } from '../rules/accounting.ts'
import type { Connection } from './database.ts'
import { amountAt, bytesAt, channelFrom, entryFrom, numberAt, textAt } from './rows.ts'

export async function balances(
  { query }: Connection,
  account?: Account,
): Promise<readonly Balance[]> {
  const rows = await query(
    'SELECT name, asset, balance FROM accounts WHERE $1::text IS NULL OR name = $1' +
      ' ORDER BY asset COLLATE "C", name COLLATE "C"',
    [account ?? null],
  )
  return rows.map((row) => ({
    account: textAt(row, 'name'),
    asset: textAt(row, 'asset'),
    amount: amountAt(row, 'balance'),
  }))
}

/** The sum over all accounts of each asset; '0' for every sound ledger. */
export async function sum({ query }: Connection): Promise<string> {
  const [wrong] = await query(
    'SELECT sum(balance) AS total FROM accounts GROUP BY asset HAVING sum(balance) <> 0 LIMIT 1',
  )
  return wrong ? textAt(wrong, 'total') : '0'
}

export async function entries({ query }: Connection, asked: EntryQuery): Promise<EntryPage> {
  const limit = Math.min(asked.limit ?? ENTRIES_PER_PAGE_MAX, ENTRIES_PER_PAGE_MAX)
  const rows = await query(
    "SELECT t.*, encode(channel_id, 'hex') AS channel FROM transfers t WHERE number >= $1" +
      ' AND ($2::text IS NULL OR debit = $2 OR credit = $2) ORDER BY number LIMIT $3',
    [Math.max(1, asked.from ?? 1), asked.account ?? null, limit + 1],
  )
  const page = rows.slice(0, limit).map(entryFrom)
  const next = rows[limit]
  return next ? { entries: page, next: numberAt(next, 'number') } : { entries: page }
}

/** Every entry from a number on, page by page. */
export async function* everyEntry(
  page: (query: EntryQuery) => Promise<EntryPage>,
  query: EntryQuery,
): AsyncIterable<Entry> {
  let from: number | undefined = query.from ?? 1
  while (from !== undefined) {
    const found: EntryPage = await page({ ...query, from })
    yield* found.entries
    from = found.next
  }
}

export async function channelsPaid(
  { query }: Connection,
  allocation: Uint8Array,
): Promise<readonly ChannelPaid[]> {
  const rows = await query('SELECT * FROM channels WHERE allocation = $1 ORDER BY position', [
    allocation,
  ])
  return rows.map((row) => {
    const { channelId, paid, evidencePaid, epoch, index, paidAtSeconds } = channelFrom(row)
    const position = numberAt(row, 'position')
    return { channelId, position, paid, evidencePaid, epoch, index, paidAtSeconds }
  })
}

/** The first position after those that were paid, of each allocation by hex id. */
export async function firstPositions({ query }: Connection): Promise<ReadonlyMap<string, number>> {
  const rows = await query(
    'SELECT allocation, max(position) + 1 AS first FROM channels GROUP BY allocation',
  )
  return new Map(
    rows.map((row) => [bytesToHex(bytesAt(row, 'allocation')), numberAt(row, 'first')]),
  )
}

/** Each gives one line a fault, as "problem". */
const audits: readonly string[] = [
  `SELECT format('%s: accounts come to %s instead of 0', asset, sum(balance)) AS problem
     FROM accounts GROUP BY asset HAVING sum(balance) <> 0`,
  `SELECT format('%s is below 0: %s', name, balance) AS problem
     FROM accounts WHERE name <> 'external' AND balance < 0`,
  `SELECT format('transaction %s comes to %s', transaction, sum(amount)) AS problem
     FROM entries GROUP BY transaction HAVING sum(amount) <> 0 OR count(*) <> 2`,
  `SELECT format('%s holds %s %s but its entries come to %s', name, balance, asset, total)
       AS problem
     FROM (SELECT a.*, coalesce((SELECT sum(amount) FROM entries WHERE account = a.id), 0) AS total
             FROM accounts a) a
     WHERE balance <> total`,
  `SELECT format('allocation:%s holds %s but %s was set aside and %s paid', encode(id, 'hex'),
         held, set_aside, paid) AS problem
     FROM (SELECT a.*, coalesce((SELECT sum(balance) FROM accounts
             WHERE name = 'allocation:' || encode(a.id, 'hex')), 0) AS held FROM allocations a) a
     WHERE held <> set_aside - paid OR fee <> floor(paid * fee_basis_points / 10000)`,
  `SELECT format('allocation:%s paid %s, but channels come to %s and statements to %s',
         encode(id, 'hex'), paid, shown, stated) AS problem
     FROM (SELECT a.*,
             coalesce((SELECT sum(paid_by_evidence) FROM channels WHERE allocation = a.id), 0)
               AS shown,
             coalesce((SELECT sum(s.paid) FROM statements s WHERE allocation = a.id), 0) AS stated
             FROM allocations a) a
     WHERE paid <> shown + stated OR evidence_paid <> shown`,
  `SELECT format('channel %s was paid %s by evidence but its entries come to %s',
         encode(c.channel_id, 'hex'), c.paid_by_evidence, t.total) AS problem
     FROM channels c LEFT JOIN (SELECT t.channel_id, sum(e.amount) AS total
             FROM transactions t JOIN entries e ON e.transaction = t.number AND e.amount > 0
             WHERE t.kind = 'claim' GROUP BY t.channel_id) t USING (channel_id)
     WHERE t.total IS DISTINCT FROM c.paid_by_evidence`,
]

/** Recomputes every figure from the entries; empty for sound books, else one line a fault. */
export async function audit({ query }: Connection): Promise<readonly string[]> {
  const problems: string[] = []
  for (const sql of audits) {
    for (const row of await query(sql)) problems.push(textAt(row, 'problem'))
  }
  return problems
}
