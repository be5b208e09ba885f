/**
 * What an operator does to the books: open, fund, withdraw, pay out. Every movement has a
 * reference; the same one again with the same contents changes nothing, so that a command can be
 * repeated safely.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { type Asset, isAsset, isUint64 } from '../../protocol/amount.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import { isId } from '../../protocol/ids.ts'
import { encodePublicKey, isSoundPublicKey, type PublicKey } from '../../protocol/keys.ts'
import {
  FEE_BASIS_POINTS_MAX,
  MANDATE_SECONDS_DEFAULT,
  WITHDRAWAL_NOTICE_SECONDS,
} from '../../protocol/limits.ts'
import { type Allocation, allocationStructure, digestOf } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { AllocationState, Withdrawal } from '../ledger.ts'
import { WITHDRAWALS_WAITING_MAX } from '../limits.ts'
import { assetName, EXTERNAL, fleetAccount, type Transfer } from '../rules/accounting.ts'
import type { AllocationBook } from '../rules/allocationRules.ts'
import {
  availableOf,
  completeWithdrawal,
  noticeFor,
  requestWithdrawal,
  setAsideMore,
} from '../rules/allocationRules.ts'
import type { Books } from './books.ts'
import { isReference } from './references.ts'

/** What is agreed on; an allocation that has no `gatewayKey` yet takes it on. */
export type NewAllocation = Pick<
  AllocationState,
  | 'fleet'
  | 'gateway'
  | 'payee'
  | 'asset'
  | 'feeBasisPoints'
  | 'signerKey'
  | 'ownerKey'
  | 'gatewayKey'
> & {
  /** The longest life of the fleet's mandates; 24 h unless said otherwise. */
  readonly mandateSeconds?: number
  /** Longer than `mandateSeconds` and a claim window; what is needed unless said otherwise. */
  readonly withdrawalNoticeSeconds?: number
}

/** The id that such an allocation has: the digest of its terms. */
export function allocationIdOf(domain: Domain, wanted: NewAllocation): Uint8Array {
  checkNewAllocation(wanted)
  return digestOf(domain, allocationStructure, termsOf(wanted))
}

function termsOf({ fleet, gateway, payee, asset }: NewAllocation): Allocation {
  return {
    fleet,
    gateway,
    payee: payee.slice(),
    assetCode: asset.code,
    assetScale: asset.scale,
  }
}

/** Stages a new allocation; false when it is open with the same terms and keys already. */
export function open(
  books: Books,
  id: Uint8Array,
  wanted: NewAllocation,
  nowSeconds: number,
): boolean {
  const found = books.allocation(id)
  if (found) {
    checkSameTerms(found, wanted)
    if (found.gatewayKey || !wanted.gatewayKey) return false
    books.putAllocation({ ...found, gatewayKey: wanted.gatewayKey })
    return true
  }
  const book: AllocationBook = {
    ...termsOf(wanted),
    id,
    feeBasisPoints: wanted.feeBasisPoints,
    signerKey: wanted.signerKey,
    ownerKey: wanted.ownerKey,
    withdrawalNoticeSeconds: noticeOf(wanted),
    openedAtSeconds: nowSeconds,
    setAside: 0n,
    paid: 0n,
    fee: 0n,
    withdrawing: [],
    gatewayKey: wanted.gatewayKey,
    evidencePaid: 0n,
    statement: undefined,
  }
  books.putAllocation(book)
  return true
}

function checkNewAllocation(wanted: NewAllocation): void {
  const { fleet, gateway, payee, asset, feeBasisPoints, signerKey, ownerKey, gatewayKey } = wanted
  const fee = Number.isInteger(feeBasisPoints) && feeBasisPoints >= 0
  refuseUnless(isId(fleet), `"${fleet}" is no fleet id: use a-z, 0-9 and -`)
  refuseUnless(isId(gateway), `"${gateway}" is no gateway id: use a-z, 0-9 and -`)
  refuseUnless(payee.length === 20, `the payee has ${payee.length} bytes: an address has 20`)
  refuseUnless(
    isAsset(asset),
    `"${assetName(asset)}" is no asset: use a code and a scale of 0 to 9`,
  )
  refuseUnless(
    fee && feeBasisPoints <= FEE_BASIS_POINTS_MAX,
    `a fee of ${feeBasisPoints} basis points: use 0 to ${FEE_BASIS_POINTS_MAX}`,
  )
  refuseUnless(isSoundPublicKey(signerKey), "the fleet's signer key is not valid: export it again")
  refuseUnless(
    ownerKey === undefined || isSoundPublicKey(ownerKey),
    "the fleet's owner key is not valid: export it again",
  )
  refuseUnless(
    gatewayKey === undefined || isSoundPublicKey(gatewayKey),
    "the gateway's key is not valid: export it again",
  )
}

function noticeOf({ mandateSeconds, withdrawalNoticeSeconds }: NewAllocation): number {
  const needed = noticeFor(mandateSeconds ?? MANDATE_SECONDS_DEFAULT)
  const notice = withdrawalNoticeSeconds ?? needed
  refuseUnless(
    Number.isSafeInteger(notice) && notice >= needed && notice >= WITHDRAWAL_NOTICE_SECONDS,
    `a withdrawal notice of ${notice} s is too short: the fleet's mandates need ${needed} s`,
  )
  return notice
}

function checkSameTerms(found: AllocationBook, wanted: NewAllocation): void {
  const sameKey = (a: PublicKey | undefined, b: PublicKey | undefined) =>
    a && b ? equalBytes(encodePublicKey(a), encodePublicKey(b)) : a === b
  const same =
    found.feeBasisPoints === wanted.feeBasisPoints &&
    found.withdrawalNoticeSeconds === noticeOf(wanted) &&
    sameKey(found.signerKey, wanted.signerKey) &&
    sameKey(found.ownerKey, wanted.ownerKey) &&
    (!found.gatewayKey || !wanted.gatewayKey || sameKey(found.gatewayKey, wanted.gatewayKey))
  refuseUnless(
    same,
    `the allocation of fleet "${found.fleet}" for gateway "${found.gateway}" ` +
      'is open with another fee, notice or key: use those, or another payee',
  )
}

/** External money for the fleet, set aside at once. */
export function fund(books: Books, id: Uint8Array, amount: bigint, reference: string) {
  return once(books, reference, `fund ${bytesToHex(id)} ${amount}`, () => {
    checkAmount(amount)
    const book = known(books, id)
    move(books, {
      debit: EXTERNAL,
      credit: fleetAccount(book.fleet),
      asset: assetName({ code: book.assetCode, scale: book.assetScale }),
      amount,
      reference,
    })
    raise(books, book, amount, reference)
  })
}

/** What the fleet holds already (from a withdrawal), set aside again. */
export function setAside(books: Books, id: Uint8Array, amount: bigint, reference: string) {
  return once(books, reference, `set aside ${bytesToHex(id)} ${amount}`, () => {
    checkAmount(amount)
    raise(books, known(books, id), amount, reference)
  })
}

function raise(books: Books, book: AllocationBook, amount: bigint, reference: string): void {
  const change = setAsideMore(book, amount, reference)
  refuseUnless(change !== 'too_much', 'the allocation would hold more than 2^64: fund it with less')
  refuseUnless(
    books.change(change) === undefined,
    `fleet "${book.fleet}" holds less than ${amount}: fund the allocation instead`,
  )
}

export type PayOut = {
  /** A fleet's, a payee's or a gateway's account. */
  readonly account: string
  readonly asset: Asset
  readonly amount: bigint
  readonly reference: string
}

/** Records that money left the ledger. */
export function payOut(books: Books, { account, asset, amount, reference }: PayOut) {
  const name = assetName(asset)
  return once(books, reference, `pay out ${account} ${name} ${amount}`, () => {
    checkAmount(amount)
    refuseUnless(
      /^(fleet|payee|fee):/.test(account),
      `"${account}" cannot be paid out: name a fleet:, payee: or fee: account`,
    )
    move(books, { debit: account, credit: EXTERNAL, asset: name, amount, reference })
  })
}

/** Asks for money back; it is there when the notice is over. */
export function request(
  books: Books,
  id: Uint8Array,
  amount: bigint,
  reference: string,
  nowSeconds: number,
): boolean {
  return once(books, reference, `withdraw ${bytesToHex(id)} ${amount}`, () => {
    checkAmount(amount)
    const book = known(books, id)
    const next = requestWithdrawal(book, amount, reference, nowSeconds)
    refuseUnless(
      next !== 'not_available',
      `${amount} is more than the allocation has available (${availableOf(book)}): ask for less`,
    )
    refuseUnless(
      typeof next !== 'string',
      `${WITHDRAWALS_WAITING_MAX} withdrawals are waiting: complete one first`,
    )
    books.putAllocation(next)
  })
}

/** Gives the fleet what it asked for, less what claims used since; answers what it came to. */
export function complete(
  books: Books,
  id: Uint8Array,
  reference: string,
  nowSeconds: number,
): bigint {
  const book = known(books, id)
  const change = completeWithdrawal(book, reference, nowSeconds)
  refuseUnless(change !== 'unknown_withdrawal', `no withdrawal "${reference}" is waiting`)
  refuseUnless(change !== 'too_early', tooEarly(book.withdrawing, reference))
  refuseUnless(books.change(change) === undefined, 'the allocation holds less than it should')
  return book.setAside - change.next.setAside
}

function tooEarly(waiting: readonly Withdrawal[], reference: string): string {
  const seconds = waiting.find((one) => one.reference === reference)?.availableAtSeconds ?? 0
  const date = new Date(seconds * 1_000).toISOString()
  return `withdrawal "${reference}" is in its notice: complete it from ${date} on`
}

/** Runs `act` unless `reference` was used for the very same thing; false when it was. */
function once(books: Books, reference: string, use: string, act: () => void): boolean {
  refuseUnless(
    isReference(reference),
    `"${reference}" is no reference: use letters, digits and . _ : / # -, 128 at most`,
  )
  const used = books.referenceUse(reference)
  if (used === use) return false
  refuseUnless(
    used === undefined,
    `reference "${reference}" was used before (${used}): choose another one`,
  )
  act()
  books.putReferenceUse(reference, use)
  return true
}

function move(books: Books, transfer: Transfer): void {
  const problem = books.transfer(transfer)
  refuseUnless(problem !== 'not_enough', `${transfer.debit} holds less than ${transfer.amount}`)
  refuseUnless(problem !== 'too_much', 'the ledger would hold more than 2^64: fund it with less')
}

/** The allocation, which has to exist. */
export function known(books: Books, id: Uint8Array): AllocationBook {
  const book = books.allocation(id)
  refuseUnless(book !== undefined, `no allocation ${bytesToHex(id)} here: open it first`)
  return book
}

function checkAmount(amount: bigint): void {
  refuseUnless(amount > 0n && isUint64(amount), `${amount} is no amount: use 1 to 2^64 - 1`)
}

function refuseUnless(condition: boolean, message: string): asserts condition {
  if (!condition) throw new OperatorError(message)
}
