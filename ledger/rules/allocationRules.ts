/**
 * How an allocation changes: funding, payment, and withdrawal with notice. Each function gives the
 * next state and the transfers that go with it, or says why not.
 * @module
 */
import type { PublicKey } from '../../protocol/keys.ts'
import {
  AMOUNT_MAX,
  CLAIM_WINDOW_SECONDS,
  CLOCK_TOLERANCE_SECONDS,
  WITHDRAWAL_NOTICE_SECONDS,
} from '../../protocol/limits.ts'
import { merkleRoot } from '../../protocol/merkle.ts'
import type { Allocation, Statement } from '../../protocol/structures.ts'
import type { AllocationState, Withdrawal } from '../ledger.ts'
import { WITHDRAWALS_WAITING_MAX } from '../limits.ts'
import type { Transfer } from './accounting.ts'
import {
  allocationAccount,
  assetName,
  feeAccount,
  feeOf,
  fleetAccount,
  payeeAccount,
} from './accounting.ts'
import type { SoundStatement, StatementInForce, StatementTerms } from './statementRules.ts'

const NO_LEAVES_ROOT = merkleRoot(new Map())

/** An allocation as the books keep it. */
export type AllocationBook = Allocation & {
  readonly id: Uint8Array
  readonly feeBasisPoints: number
  readonly signerKey: PublicKey
  readonly ownerKey: PublicKey | undefined
  readonly withdrawalNoticeSeconds: number
  readonly openedAtSeconds: number
  readonly setAside: bigint
  readonly paid: bigint
  readonly fee: bigint
  readonly withdrawing: readonly Withdrawal[]
  /** Signs statements; absent in books from before there were any. */
  readonly gatewayKey: PublicKey | undefined
  /** The part of `paid` that was paid by evidence. */
  readonly evidencePaid: bigint
  readonly statement: StatementBook | undefined
}

/** The statement in force. */
export type StatementBook = {
  readonly sequence: number
  readonly digest: Uint8Array
  readonly root: Uint8Array
  readonly positions: number
}

export type Change = { readonly next: AllocationBook; readonly transfers: readonly Transfer[] }

/**
 * The notice an allocation needs when its mandates live for `mandateSeconds`: strictly longer than
 * such a mandate and its claim window, so that what was reserved before a request can be claimed
 * before the money leaves, with two clocks that differ.
 */
export function noticeFor(mandateSeconds: number): number {
  const claimable = mandateSeconds + CLAIM_WINDOW_SECONDS + CLOCK_TOLERANCE_SECONDS
  return Math.max(WITHDRAWAL_NOTICE_SECONDS, claimable)
}

/** What is there: put in, not withdrawn, not paid. Claims may use all of it. */
export function balanceOf({ setAside, paid }: AllocationBook): bigint {
  return setAside - paid
}

/** What new reservations may count on: withdrawals are gone from their request on. */
export function availableOf(book: AllocationBook): bigint {
  const withdrawing = book.withdrawing.reduce((sum, { amount }) => sum + amount, 0n)
  const available = balanceOf(book) - withdrawing
  return available > 0n ? available : 0n
}

/** Sets aside `amount` of what the fleet holds. */
export function setAsideMore(
  book: AllocationBook,
  amount: bigint,
  reference: string,
): Change | 'too_much' {
  const setAside = book.setAside + amount
  if (setAside > AMOUNT_MAX) return 'too_much'
  const transfer = {
    debit: fleetAccount(book.fleet),
    credit: allocationAccount(book.id),
    asset: assetOf(book),
    amount,
    reference,
  }
  return { next: { ...book, setAside }, transfers: [transfer] }
}

/** Pays what a channel proved beyond what was paid for it. */
export function payDifference(
  book: AllocationBook,
  difference: bigint,
  reference: string,
  channel: string,
): Change | 'no_funds' {
  if (difference > balanceOf(book)) return 'no_funds'
  const transfer = {
    debit: allocationAccount(book.id),
    credit: payeeAccount(book.payee),
    asset: assetOf(book),
    amount: difference,
    reference,
    channel,
  }
  const paid = book.paid + difference
  const evidencePaid = book.evidencePaid + difference
  return { next: { ...book, paid, evidencePaid }, transfers: [transfer] }
}

/** Pays what a sound statement comes to beyond what is paid, and puts it in force. */
export function payStatement(
  book: AllocationBook,
  { sequence, root, positions }: Statement,
  { digest, pays, paid }: Pick<SoundStatement, 'digest' | 'pays' | 'paid'>,
  reference: string,
): Change {
  const next = { ...book, paid, statement: { sequence, digest, root, positions } }
  if (pays === 0n) return { next, transfers: [] }
  const transfer = {
    debit: allocationAccount(book.id),
    credit: payeeAccount(book.payee),
    asset: assetOf(book),
    amount: pays,
    reference,
  }
  return { next, transfers: [transfer] }
}

/** What the rules on statements read of the books. */
export function statementTerms(book: AllocationBook): StatementTerms {
  const { setAside, paid, evidencePaid, gatewayKey, signerKey, statement } = book
  const terms = { setAside, paid, evidencePaid, gatewayKey, signerKey }
  return {
    ...terms,
    statementSequence: statement?.sequence ?? 0,
    statementDigest: statement?.digest,
  }
}

/** What the rules on claims read of it. */
export function statementInForce({ statement }: AllocationBook): StatementInForce | undefined {
  return statement && { statementSequence: statement.sequence, statementRoot: statement.root }
}

/**
 * Moves the fee from payee to gateway. It is a share of the cumulative total, so however payments
 * were cut, the fee comes to the same.
 */
export function takeFee(book: AllocationBook, reference: string): Change {
  const fee = feeOf(book.paid, book.feeBasisPoints)
  if (fee === book.fee) return { next: book, transfers: [] }
  const transfer = {
    debit: payeeAccount(book.payee),
    credit: feeAccount(book.gateway),
    asset: assetOf(book),
    amount: fee - book.fee,
    reference,
  }
  return { next: { ...book, fee }, transfers: [transfer] }
}

export type WithdrawalProblem = 'not_available' | 'reference_waiting' | 'too_many_waiting'

/** Asks money back. It stays until the notice is over, and claims may still use it. */
export function requestWithdrawal(
  book: AllocationBook,
  amount: bigint,
  reference: string,
  nowSeconds: number,
): AllocationBook | WithdrawalProblem {
  if (book.withdrawing.some((one) => one.reference === reference)) return 'reference_waiting'
  if (book.withdrawing.length >= WITHDRAWALS_WAITING_MAX) return 'too_many_waiting'
  if (amount > availableOf(book)) return 'not_available'
  const availableAtSeconds = nowSeconds + book.withdrawalNoticeSeconds
  const withdrawal = { reference, amount, availableAtSeconds }
  return { ...book, withdrawing: [...book.withdrawing, withdrawal] }
}

/** Gives back to the fleet what was asked for, or what claims have left of it. */
export function completeWithdrawal(
  book: AllocationBook,
  reference: string,
  nowSeconds: number,
): Change | 'unknown_withdrawal' | 'too_early' {
  const withdrawal = book.withdrawing.find((one) => one.reference === reference)
  if (!withdrawal) return 'unknown_withdrawal'
  if (nowSeconds < withdrawal.availableAtSeconds) return 'too_early'
  const balance = balanceOf(book)
  const amount = withdrawal.amount < balance ? withdrawal.amount : balance
  const withdrawing = book.withdrawing.filter((one) => one !== withdrawal)
  const next = { ...book, withdrawing, setAside: book.setAside - amount }
  if (amount === 0n) return { next, transfers: [] }
  const transfer = {
    debit: allocationAccount(book.id),
    credit: fleetAccount(book.fleet),
    asset: assetOf(book),
    amount,
    reference,
  }
  return { next, transfers: [transfer] }
}

/** What others see of an allocation. */
export function stateOf(book: AllocationBook): AllocationState {
  const { id, fleet, gateway, payee, feeBasisPoints, signerKey, ownerKey } = book
  return {
    id,
    fleet,
    gateway,
    payee,
    asset: { code: book.assetCode, scale: book.assetScale },
    feeBasisPoints,
    signerKey,
    ...(ownerKey ? { ownerKey } : {}),
    ...(book.gatewayKey ? { gatewayKey: book.gatewayKey } : {}),
    evidencePaid: book.evidencePaid,
    statementSequence: book.statement?.sequence ?? 0,
    statementRoot: book.statement?.root ?? NO_LEAVES_ROOT,
    statementPositions: book.statement?.positions ?? 0,
    setAside: book.setAside,
    paid: book.paid,
    fee: book.fee,
    withdrawing: book.withdrawing,
    available: availableOf(book),
    withdrawalNoticeSeconds: book.withdrawalNoticeSeconds,
  }
}

const assetOf = ({ assetCode, assetScale }: AllocationBook) =>
  assetName({ code: assetCode, scale: assetScale })
