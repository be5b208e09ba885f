/**
 * The books as people and programs read them: balances, entries in pages, CSV, and the audit that
 * recomputes every figure from the entries.
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { ENTRIES_PER_PAGE_MAX, ENTRIES_SCANNED_MAX } from '../limits.ts'
import {
  type Account,
  allocationAccount,
  assetName,
  balanceName,
  feeOf,
} from '../rules/accounting.ts'
import { balanceOf } from '../rules/allocationRules.ts'
import {
  allocationKey,
  balanceKey,
  channelsOf,
  countersKey,
  entryKey,
  everyAllocation,
  everyBalance,
  everyEntry,
  readBalanceKey,
} from './layout.ts'
import type { Entry } from './records.ts'
import {
  allocationCodec,
  balanceCodec,
  channelCodec,
  countersCodec,
  entryCodec,
} from './records.ts'

export type Balance = { readonly account: Account; readonly asset: string; readonly amount: bigint }

/** Every account and asset with its balance, or those of one account. */
export function balances(store: KeyValue, account?: Account): readonly Balance[] {
  const found: Balance[] = []
  for (const [key, value] of store.range(...everyBalance)) {
    const named = readBalanceKey(key)
    if (account !== undefined && account !== named.account) continue
    found.push({ ...named, amount: balanceCodec.decode(value) })
  }
  return found
}

/** The sum over all accounts of each asset; '0' for every sound ledger. */
export function sum(store: KeyValue): string {
  const sums = new Map<string, bigint>()
  for (const { asset, amount } of balances(store)) {
    sums.set(asset, (sums.get(asset) ?? 0n) + amount)
  }
  const wrong = [...sums.values()].find((one) => one !== 0n)
  return (wrong ?? 0n).toString()
}

export type EntryQuery = {
  /** Only entries that debit or credit this account. */
  readonly account?: Account
  /** The first number to look at; 1 by default. */
  readonly from?: number
  /** At most this many, 1,000 at most. */
  readonly limit?: number
}

/** `next` is where to go on; absent at the end. A page may be empty and still have a `next`. */
export type EntryPage = { readonly entries: readonly Entry[]; readonly next?: number }

export function entries(store: KeyValue, query: EntryQuery): EntryPage {
  const limit = Math.min(query.limit ?? ENTRIES_PER_PAGE_MAX, ENTRIES_PER_PAGE_MAX)
  const first = Math.max(1, query.from ?? 1)
  const page: Entry[] = []
  for (const entry of entriesFrom(store, first)) {
    if (page.length >= limit || entry.number - first >= ENTRIES_SCANNED_MAX) {
      return { entries: page, next: entry.number }
    }
    if (concerns(entry, query.account)) page.push(entry)
  }
  return { entries: page }
}

const concerns = (entry: Entry, account: Account | undefined) =>
  account === undefined || entry.debit === account || entry.credit === account

function* entriesFrom(store: KeyValue, first: number): Iterable<Entry> {
  for (const [key, value] of store.range(entryKey(first), everyEntry[1])) {
    const view = new DataView(key.buffer, key.byteOffset, key.length)
    yield { number: Number(view.getBigUint64(1)), ...entryCodec.decode(value) }
  }
}

/** An entry with its amount as a decimal string and its time in ISO 8601. */
export function entryToJson(entry: Entry): Readonly<Record<string, string | number>> {
  const { number, timeSeconds, debit, credit, asset, amount, reference, channel } = entry
  return {
    number,
    time: isoTime(timeSeconds),
    debit,
    credit,
    asset,
    amount: amount.toString(),
    reference,
    ...(channel === undefined ? {} : { channel }),
  }
}

const isoTime = (seconds: number) => new Date(seconds * 1_000).toISOString()

/** Lines of CSV (RFC 4180) with a header; no field ever needs quotes. */
export function* csv(
  store: KeyValue,
  query: Pick<EntryQuery, 'account' | 'from'>,
): Iterable<string> {
  yield 'number,time,debit,credit,asset,amount,reference,channel'
  for (const entry of entriesFrom(store, Math.max(1, query.from ?? 1))) {
    if (!concerns(entry, query.account)) continue
    const { number, timeSeconds, debit, credit, asset, amount, reference, channel } = entry
    const fields = [number, isoTime(timeSeconds), debit, credit, asset, amount, reference]
    yield [...fields, channel ?? ''].join(',')
  }
}

export type ChannelPaid = {
  readonly channelId: Uint8Array
  readonly position: number
  /** Cumulative amount that evidence was paid for; a statement may have paid a part before. */
  readonly paid: bigint
  /** What evidence was paid of it. */
  readonly evidencePaid: bigint
  /** The proof that was paid last. */
  readonly epoch: number
  readonly index: number
  readonly paidAtSeconds: number
}

/** Every channel that was paid from an allocation, by position. */
export function* channelsPaid(store: KeyValue, allocation: Uint8Array): Iterable<ChannelPaid> {
  for (const [key, value] of store.range(...channelsOf(allocation))) {
    const book = channelCodec.decode(value)
    const { channelId, paid, evidencePaid, epoch, index, paidAtSeconds } = book
    const position = new DataView(key.buffer, key.byteOffset, key.length).getUint32(33)
    yield { channelId, position, paid, evidencePaid, epoch, index, paidAtSeconds }
  }
}

/** What an allocation has paid for statements, which name no channel. */
export function paidByStatements(store: KeyValue, allocation: Uint8Array): bigint {
  const value = store.get(allocationKey(allocation))
  if (!value) return 0n
  const { paid, evidencePaid } = allocationCodec.decode(value)
  return paid - evidencePaid
}

/**
 * Cheap checks of the stored figures against each other, in time linear in accounts and
 * allocations. Answers what is wrong, one line each.
 */
export function checkFigures(store: KeyValue): readonly string[] {
  const problems: string[] = []
  const total = sum(store)
  if (total !== '0') problems.push(`all accounts together come to ${total} instead of 0`)
  for (const { account, amount } of balances(store)) {
    if (amount < 0n && account !== 'external') problems.push(`${account} is below 0: ${amount}`)
  }
  for (const [, value] of store.range(...everyAllocation)) {
    const book = allocationCodec.decode(value)
    const asset = assetName({ code: book.assetCode, scale: book.assetScale })
    const account = allocationAccount(book.id)
    const bytes = store.get(balanceKey(balanceName(account, asset)))
    const held = bytes ? balanceCodec.decode(bytes) : 0n
    if (held !== balanceOf(book)) {
      problems.push(`${account} holds ${held} but ${balanceOf(book)} was set aside and not paid`)
    }
    const fee = feeOf(book.paid, book.feeBasisPoints)
    if (fee !== book.fee) problems.push(`${account} took a fee of ${book.fee} instead of ${fee}`)
  }
  return problems
}

/**
 * Recomputes every balance from the entries, and every allocation's total from its channels.
 * Linear in the number of entries and channels.
 */
export function audit(store: KeyValue): readonly string[] {
  return [...checkFigures(store), ...auditEntries(store), ...auditChannels(store)]
}

function auditEntries(store: KeyValue): readonly string[] {
  const problems: string[] = []
  const recomputed = new Map<string, bigint>()
  const add = (account: string, asset: string, amount: bigint) => {
    const name = balanceName(account, asset)
    recomputed.set(name, (recomputed.get(name) ?? 0n) + amount)
  }
  let expected = 1
  for (const { number, debit, credit, asset, amount } of entriesFrom(store, 1)) {
    if (number !== expected) problems.push(`entry ${expected} is missing`)
    expected = number + 1
    add(debit, asset, -amount)
    add(credit, asset, amount)
  }
  const bytes = store.get(countersKey)
  const counted = bytes ? countersCodec.decode(bytes).entries : 0
  if (counted !== expected - 1) problems.push(`${expected - 1} entries instead of ${counted}`)
  for (const { account, asset, amount } of balances(store)) {
    const entered = recomputed.get(balanceName(account, asset)) ?? 0n
    if (entered !== amount) {
      problems.push(`${account} holds ${amount} ${asset} but its entries come to ${entered}`)
    }
  }
  return problems
}

function auditChannels(store: KeyValue): readonly string[] {
  const problems: string[] = []
  const stated = paidWithoutChannel(store)
  for (const [, value] of store.range(...everyAllocation)) {
    const { id, paid, evidencePaid, statement } = allocationCodec.decode(value)
    const account = allocationAccount(id)
    const byStatement = stated.get(account) ?? 0n
    let total = byStatement
    for (const channel of channelsPaid(store, id)) total += channel.evidencePaid
    if (total !== paid) problems.push(`${account} paid ${paid} but its channels come to ${total}`)
    if (paid - byStatement !== evidencePaid) {
      problems.push(`${account} paid ${paid - byStatement} for evidence instead of ${evidencePaid}`)
    }
    if (byStatement > 0n && !statement) problems.push(`${account} has lost its statement`)
  }
  return problems
}

/** What payees got of each allocation for statements: those entries name no channel. */
function paidWithoutChannel(store: KeyValue): ReadonlyMap<Account, bigint> {
  const sums = new Map<Account, bigint>()
  for (const { debit, credit, amount, channel } of entriesFrom(store, 1)) {
    if (channel !== undefined || !debit.startsWith('allocation:')) continue
    if (credit.startsWith('payee:')) sums.set(debit, (sums.get(debit) ?? 0n) + amount)
  }
  return sums
}
