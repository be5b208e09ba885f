/**
 * The escrow contract as values: what the rules of every ledger make of a history. Channels are
 * positions here, and what is signed is taken for good when the right one signed it.
 * @module
 */

import type { AllocationBook } from '../../ledger/rules/allocationRules.ts'
import {
  availableOf,
  balanceOf,
  completeWithdrawal,
  payDifference,
  payStatement,
  requestWithdrawal,
  setAsideMore,
  statementTerms,
  takeFee,
} from '../../ledger/rules/allocationRules.ts'
import { checkStatement, settledUpTo } from '../../ledger/rules/statementRules.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { keyOf, payee, START_SECONDS } from '../unit/ledger/world.ts'
import { NOTICE_SECONDS } from './world.ts'

export const SIGNERS = 3

export type Operation =
  | { readonly kind: 'fund'; readonly amount: bigint }
  | {
      readonly kind: 'claims'
      readonly claims: readonly { readonly position: number; readonly amount: bigint }[]
      /** Who signed the mandates. */
      readonly signer: number
      readonly mandates: 'current signer' | 'previous signer'
    }
  | {
      readonly kind: 'statement'
      readonly sequence: number
      readonly evidencePaid: bigint
      /** By position; 0 is an empty leaf. */
      readonly leaves: readonly bigint[]
      readonly signer: number
    }
  | { readonly kind: 'request'; readonly amount: bigint }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'withdraw' }
  | { readonly kind: 'takeFee' }
  | { readonly kind: 'rotate'; readonly signer: number }
  | { readonly kind: 'pass'; readonly seconds: number }
  /** The last so many operations never happened. */
  | { readonly kind: 'reorganise'; readonly depth: number }

export type Model = {
  readonly book: AllocationBook
  readonly nowSeconds: number
  /** Paid by evidence, by position. */
  readonly evidence: ReadonlyMap<number, bigint>
  readonly leaves: readonly bigint[]
  readonly signer: number
  readonly previous: { readonly signer: number; readonly untilSeconds: number } | undefined
  readonly feeTaken: bigint
  /** What left the contract. */
  readonly out: { readonly payee: bigint; readonly gateway: bigint; readonly owner: bigint }
  readonly deposited: bigint
}

const key = publicKeyOf(keyOf(900))
const domain = { chainId: 1n, verifyingContract: payee }

export function newModel(deposit: bigint, feeBasisPoints: number): Model {
  const book: AllocationBook = {
    ...{ fleet: 'acme', gateway: 'gate-1', payee, assetCode: 'EUR', assetScale: 5 },
    ...{ id: new Uint8Array(32), feeBasisPoints, signerKey: key, gatewayKey: key },
    ...{ ownerKey: undefined, withdrawalNoticeSeconds: NOTICE_SECONDS },
    ...{ openedAtSeconds: START_SECONDS, setAside: deposit, paid: 0n, fee: 0n, withdrawing: [] },
    ...{ evidencePaid: 0n, statement: undefined },
  }
  return {
    ...{ book, nowSeconds: START_SECONDS + 1_000, evidence: new Map(), leaves: [], signer: 0 },
    ...{ previous: undefined, feeTaken: 0n, deposited: deposit },
    out: { payee: 0n, gateway: 0n, owner: 0n },
  }
}

/** The next state; the same one where the contract refuses. Reorganisations are the history's. */
export function step(model: Model, operation: Operation): Model {
  const now = { ...model, nowSeconds: model.nowSeconds + 1 }
  return apply(now, operation) ?? now
}

function apply(model: Model, operation: Operation): Model | undefined {
  switch (operation.kind) {
    case 'fund':
      return fund(model, operation.amount)
    case 'claims':
      return claims(model, operation)
    case 'statement':
      return statement(model, operation)
    case 'request':
      return request(model, operation.amount)
    case 'cancel':
      return { ...model, book: { ...model.book, withdrawing: [] } }
    case 'withdraw':
      return withdraw(model)
    case 'takeFee':
      return feeTaken(model)
    case 'rotate':
      return rotate(model, operation.signer)
    case 'pass':
      return { ...model, nowSeconds: model.nowSeconds + operation.seconds }
    case 'reorganise':
      return undefined
  }
}

function fund(model: Model, amount: bigint): Model | undefined {
  const change = setAsideMore(model.book, amount, 'r')
  if (change === 'too_much') return undefined
  return { ...model, book: change.next, deposited: model.deposited + amount }
}

function request(model: Model, amount: bigint): Model | undefined {
  if (model.book.withdrawing.length > 0 || amount === 0n) return undefined
  const book = requestWithdrawal(model.book, amount, 'w', model.nowSeconds)
  return typeof book === 'string' ? undefined : { ...model, book }
}

function withdraw(model: Model): Model | undefined {
  const change = completeWithdrawal(model.book, 'w', model.nowSeconds)
  if (typeof change === 'string') return undefined
  const given = model.book.setAside - change.next.setAside
  return { ...model, book: change.next, out: { ...model.out, owner: model.out.owner + given } }
}

function feeTaken(model: Model): Model {
  const due = model.book.fee - model.feeTaken
  const out = { ...model.out, gateway: model.out.gateway + due }
  return { ...model, feeTaken: model.book.fee, out }
}

function rotate(model: Model, signer: number): Model | undefined {
  const { previous, nowSeconds } = model
  if (previous && nowSeconds <= previous.untilSeconds) return undefined
  const untilSeconds = nowSeconds + NOTICE_SECONDS
  return { ...model, signer, previous: { signer: model.signer, untilSeconds } }
}

/** The fee is taken off what the payee gets, as a share of everything paid. */
function payOut(model: Model, book: AllocationBook): Model {
  const { next } = takeFee(book, 'r')
  const paid = next.paid - model.book.paid - (next.fee - model.book.fee)
  return { ...model, book: next, out: { ...model.out, payee: model.out.payee + paid } }
}

type Claims = Extract<Operation, { kind: 'claims' }>

function claims(model: Model, { claims: shown, signer, mandates }: Claims): Model | undefined {
  const { previous, nowSeconds } = model
  const isPrevious = mandates === 'previous signer'
  if (isPrevious && !(previous && nowSeconds <= previous.untilSeconds)) return undefined
  if (signer !== (isPrevious ? previous?.signer : model.signer)) return undefined
  const evidence = new Map(model.evidence)
  let book = model.book
  for (const { position, amount } of shown) {
    const before = settledUpTo(evidence.get(position) ?? 0n, model.leaves[position] ?? 0n)
    if (amount <= before) continue
    const change = payDifference(book, amount - before, 'r', String(position))
    if (change === 'no_funds') continue
    book = change.next
    evidence.set(position, amount)
  }
  return payOut({ ...model, evidence }, book)
}

type Statement = Extract<Operation, { kind: 'statement' }>

function statement(model: Model, said: Statement): Model | undefined {
  if (said.signer !== model.signer) return undefined
  const submission = submissionOf(model, said)
  const allocation = statementTerms(model.book)
  const context = { domain, nowSeconds: model.nowSeconds, allocation }
  const verdict = checkStatement(context, submission, () => true)
  if (verdict.verdict !== 'sound') return undefined
  const { next } = payStatement(model.book, submission.statement, verdict, 'r')
  return payOut({ ...model, leaves: said.leaves }, next)
}

const submissionOf = (
  { book, nowSeconds }: Model,
  { sequence, evidencePaid, leaves }: Statement,
) => ({
  statement: {
    ...{ allocation: book.id, sequence, evidencePaid, root: new Uint8Array(32) },
    total: leaves.reduce((sum, leaf) => sum + leaf, 0n),
    positions: leaves.length,
    issuedAt: START_SECONDS,
    expiry: nowSeconds + 1,
  },
  gatewaySignature: new Uint8Array(64),
  fleetSignature: new Uint8Array(64),
})

/** Everything that must be true of every state; empty where it is. */
export function faultsOf({ book, evidence, out, deposited, feeTaken: taken }: Model): string[] {
  const faults: string[] = []
  const must = (isSo: boolean, what: string) => {
    if (!isSo) faults.push(what)
  }
  const held = deposited - out.payee - out.gateway - out.owner
  const shown = [...evidence.values()].reduce((sum, amount) => sum + amount, 0n)
  must(held >= 0n, 'the contract gave more than it got')
  must(held === balanceOf(book) + book.fee - taken, 'what is held is the balance and the fee')
  must(book.paid <= book.setAside, 'paid within what is set aside')
  must(book.evidencePaid <= book.paid, 'evidence is a part of what is paid')
  must(book.evidencePaid <= shown, 'no more by evidence than was shown')
  must(book.fee === (book.paid * BigInt(book.feeBasisPoints)) / 10_000n, 'the fee is the floor')
  must(out.payee === book.paid - book.fee, 'the payee has the rest')
  must(availableOf(book) <= balanceOf(book), 'nothing is available that is not there')
  return faults
}
