/**
 * Reads and locks what a change needs. Allocations are locked first and in the order of their ids;
 * whoever holds an allocation has its channels and its withdrawals for itself.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import { placeOf } from '../embedded/books.ts'
import { type ChannelBook, type Submission, submissionCodec } from '../embedded/records.ts'
import type { Withdrawal } from '../ledger.ts'
import { balanceName } from '../rules/accounting.ts'
import type { AllocationBook } from '../rules/allocationRules.ts'
import type { Connection, Row } from './database.ts'
import {
  allocationFrom,
  amountAt,
  bytesAt,
  channelFrom,
  numberAt,
  textAt,
  withdrawalFrom,
} from './rows.ts'

/** An allocation with the number of its newest change. */
export type Held = { readonly book: AllocationBook; readonly revision: number }

export type HeldAllocations = {
  readonly held: readonly Held[]
  /** By the clock of the database; 0 where no allocation was found. */
  readonly nowSeconds: number
}

/** Locks those that exist until the end of the transaction. */
export async function lockAllocations(
  connection: Connection,
  ids: readonly Uint8Array[],
): Promise<HeldAllocations> {
  const rows = await connection.query(
    'SELECT l.*, now_seconds() AS now FROM lock_allocations($1) l',
    [ids],
  )
  const nowSeconds = rows[0] ? numberAt(rows[0], 'now') : 0
  return { held: await withWithdrawals(connection, rows), nowSeconds }
}

/** As they are committed; all of them when no ids are given. */
export async function readAllocations(
  connection: Connection,
  ids?: readonly Uint8Array[],
): Promise<readonly Held[]> {
  const rows = ids
    ? await connection.query('SELECT * FROM allocations WHERE id = ANY ($1) ORDER BY id', [ids])
    : await connection.query('SELECT * FROM allocations ORDER BY id')
  return withWithdrawals(connection, rows)
}

async function withWithdrawals(
  connection: Connection,
  rows: readonly Row[],
): Promise<readonly Held[]> {
  if (rows.length === 0) return []
  const waiting = new Map<string, Withdrawal[]>()
  const requests = await connection.query(
    'SELECT * FROM withdrawals WHERE completed_at IS NULL AND allocation = ANY ($1)' +
      ' ORDER BY requested_at, reference',
    [rows.map((row) => bytesAt(row, 'id'))],
  )
  for (const row of requests) {
    const name = bytesToHex(bytesAt(row, 'allocation'))
    waiting.set(name, [...(waiting.get(name) ?? []), withdrawalFrom(row)])
  }
  return rows.map((row) => ({
    book: allocationFrom(row, waiting.get(bytesToHex(bytesAt(row, 'id'))) ?? []),
    revision: numberAt(row, 'revision'),
  }))
}

/** Channels at positions, by place; their allocations are locked. */
export async function loadChannels(
  { query }: Connection,
  positions: readonly { readonly allocation: Uint8Array; readonly position: number }[],
): Promise<ReadonlyMap<string, ChannelBook>> {
  const rows = await query(
    'SELECT c.* FROM unnest($1::bytea[], $2::integer[]) AS u (allocation, position)' +
      ' JOIN channels c ON c.allocation = u.allocation AND c.position = u.position',
    [positions.map((one) => one.allocation), positions.map((one) => one.position)],
  )
  return new Map(
    rows.map((row) => [
      placeOf(bytesAt(row, 'allocation'), numberAt(row, 'position')),
      channelFrom(row),
    ]),
  )
}

export async function loadSubmission(
  { query }: Connection,
  key: string,
): Promise<Submission | undefined> {
  const [row] = await query(
    'SELECT results FROM submissions WHERE login = session_user AND key = $1',
    [key],
  )
  return row && submissionCodec.decode(bytesAt(row, 'results'))
}

/** Balances of accounts, by balance name. */
export async function loadBalances(
  { query }: Connection,
  accounts: readonly string[],
): Promise<ReadonlyMap<string, bigint>> {
  const rows = await query('SELECT name, asset, balance FROM accounts WHERE name = ANY ($1)', [
    accounts,
  ])
  return new Map(
    rows.map((row) => [
      balanceName(textAt(row, 'name'), textAt(row, 'asset')),
      amountAt(row, 'balance'),
    ]),
  )
}

/** What an operator's reference was used for. */
export async function loadUse(
  { query }: Connection,
  reference: string,
): Promise<string | undefined> {
  const [row] = await query('SELECT use FROM operator_references WHERE reference = $1', [reference])
  return row && textAt(row, 'use')
}
