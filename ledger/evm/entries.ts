/**
 * The contract's events as entries of books: the same accounts as in every other ledger. The fee is
 * booked when it is taken.
 * @module
 */
import type { Entry } from '../embedded/records.ts'
import type { Balance } from '../embedded/reports.ts'
import {
  allocationAccount,
  assetName,
  EXTERNAL,
  feeAccount,
  payeeAccount,
  type Transfer,
} from '../rules/accounting.ts'
import type { Values } from './chain.ts'
import type { Opened } from './states.ts'

export type ChainEvent = {
  readonly name: string
  readonly values: Values
  /** Of the transaction, `0x` and 64 digits. */
  readonly transaction: string
  readonly block: number
}

const UINT64 = (1n << 64n) - 1n

/** What a settlement paid: a sum of outcomes, or what the statement's event says. */
function paidBy({ name, values }: ChainEvent): bigint {
  if (name === 'StatementTaken') return BigInt(values['paid'] as bigint)
  const outcomes = values['outcomes'] as readonly bigint[]
  return outcomes.reduce((sum, outcome) => sum + ((outcome >> 8n) & UINT64), 0n)
}

function transferOf(event: ChainEvent, id: Uint8Array, { allocation }: Opened) {
  const { name, values, transaction: reference } = event
  const { payee, gateway, assetCode: code, assetScale: scale } = allocation
  const asset = assetName({ code, scale })
  const own = allocationAccount(id)
  const move = (debit: string, credit: string, amount: bigint): Transfer | undefined =>
    amount > 0n ? { debit, credit, asset, amount, reference } : undefined
  const amount = BigInt((values['amount'] as bigint | undefined) ?? 0n)
  switch (name) {
    case 'Funded':
      return move(EXTERNAL, own, amount)
    case 'Withdrawn':
      return move(own, EXTERNAL, amount)
    case 'FeeTaken':
      return move(payeeAccount(payee), feeAccount(gateway), amount)
    case 'StatementTaken':
    case 'Claimed':
      return move(own, payeeAccount(payee), paidBy(event))
    default:
      return undefined
  }
}

/** Entries of one allocation, oldest first; the time of an entry is the number of its block. */
export function entriesOf(
  events: readonly ChainEvent[],
  id: Uint8Array,
  opened: Opened,
): readonly Entry[] {
  const transfers = events.flatMap((event) => {
    const transfer = transferOf(event, id, opened)
    return transfer ? [{ ...transfer, timeSeconds: event.block }] : []
  })
  return transfers.map((transfer, index) => ({ ...transfer, number: index + 1 }))
}

/** What the entries come to, by account. */
export function balancesOf(entries: readonly Entry[]): readonly Balance[] {
  const sums = new Map<string, Balance>()
  const add = (account: string, asset: string, amount: bigint) => {
    const name = `${asset} ${account}`
    sums.set(name, { account, asset, amount: (sums.get(name)?.amount ?? 0n) + amount })
  }
  for (const { debit, credit, asset, amount } of entries) {
    add(debit, asset, -amount)
    add(credit, asset, amount)
  }
  return [...sums.values()]
}
