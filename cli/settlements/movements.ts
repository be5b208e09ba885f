/**
 * What settling brought to a payee's account within a span of time, from the entries of a ledger.
 * @module
 */
import { type Asset, formatAmount } from '../../protocol/amount.ts'
import type { LedgerEntry } from '../answers.ts'

/** Seconds since 1970; `to` is no part of it. */
export type Span = { readonly fromSeconds: number; readonly toSeconds: number }

export type MovementKind = 'settlement' | 'fee' | 'payout' | 'other'

/** One entry as the account sees it. */
export type Movement = {
  readonly number: number
  readonly timeSeconds: number
  readonly kind: MovementKind
  /** Minor units; below 0 where it left the account. */
  readonly amount: bigint
  readonly counterparty: string
  readonly reference: string
  /** Hex; empty for a statement, a fee and a payout. */
  readonly channel: string
}

export type AccountStatement = Span & {
  readonly account: string
  readonly asset: Asset
  readonly opening: bigint
  readonly closing: bigint
  readonly movements: readonly Movement[]
}

/** Accounts that were ever settled to, as `account asset`. */
export function payeeAccounts(entries: readonly LedgerEntry[]): readonly string[] {
  const names = entries.flatMap(({ debit, credit, asset }) =>
    [debit, credit].filter((one) => one.startsWith('payee:')).map((one) => `${one} ${asset}`),
  )
  return [...new Set(names)]
}

/** The account's statement; its closing balance is the opening one and all movements. */
export function accountStatement(
  entries: readonly LedgerEntry[],
  account: string,
  assetName: string,
  span: Span,
): AccountStatement {
  const own = entries
    .filter(({ asset, debit, credit }) => {
      return asset === assetName && (debit === account || credit === account)
    })
    .map((entry) => movementOf(entry, account))
  const sum = (some: readonly Movement[]) => some.reduce((all, { amount }) => all + amount, 0n)
  const before = own.filter(({ timeSeconds }) => timeSeconds < span.fromSeconds)
  const movements = own.filter(
    ({ timeSeconds }) => timeSeconds >= span.fromSeconds && timeSeconds < span.toSeconds,
  )
  const opening = sum(before)
  const [code = '', scale = '0'] = assetName.split('/')
  const asset = { code, scale: Number(scale) }
  return { ...span, account, asset, opening, closing: opening + sum(movements), movements }
}

function movementOf(entry: LedgerEntry, account: string): Movement {
  const { number, timeSeconds, debit, credit, reference, channel } = entry
  const isIn = credit === account
  const counterparty = isIn ? debit : credit
  const size = BigInt(entry.amount)
  const amount = isIn ? size : -size
  const kind = kindOf(counterparty)
  return { number, timeSeconds, kind, amount, counterparty, reference, channel }
}

function kindOf(counterparty: string): MovementKind {
  if (counterparty.startsWith('allocation:')) return 'settlement'
  if (counterparty.startsWith('fee:')) return 'fee'
  return counterparty === 'external' ? 'payout' : 'other'
}

export const isoTime = (seconds: number) =>
  new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z')

/** With the asset's scale, without its code: `0.002100`. */
export function plainAmount(amount: bigint, asset: Asset): string {
  const [text = ''] = formatAmount(amount < 0n ? -amount : amount, asset).split(' ')
  return text
}

/** RFC 4180; amounts are below 0 where they left the account. */
export function csvOf({ account, asset, movements }: AccountStatement): readonly string[] {
  const head = 'number,time,kind,account,counterparty,amount,asset,minor_units,reference,channel'
  const lines = movements.map((one) =>
    [
      ...[one.number, isoTime(one.timeSeconds), one.kind, account, one.counterparty],
      `${one.amount < 0n ? '-' : ''}${plainAmount(one.amount, asset)}`,
      ...[asset.code, one.amount, one.reference, one.channel],
    ].join(','),
  )
  return [head, ...lines]
}
