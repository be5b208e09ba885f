/**
 * A statement from its two signatures to a durable result.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import type { Verify } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { Ledger, StatementResult, StatementSubmission } from '../ledger.ts'
import type { AllocationBook } from '../rules/allocationRules.ts'
import { payStatement, statementTerms, stateOf } from '../rules/allocationRules.ts'
import { checkStatement } from '../rules/statementRules.ts'
import type { Books } from './books.ts'
import { takeFees } from './judge.ts'
import { isReference } from './references.ts'
import type { Writer } from './writer.ts'

type StatementOptions = {
  readonly domain: Domain
  readonly verify: Verify
  readonly writer: Writer
  readonly nowSeconds: () => number
}

/** `Ledger.submitStatement` on the store's books: one change, whole or not at all. */
export function createSubmitStatement(options: StatementOptions): Ledger['submitStatement'] {
  const { writer } = options
  return async (submission, key) => {
    assert(isReference(key), 'the key of a submission is a reference')
    const { result, changed } = await writer.change((books) => {
      const result = judgeStatement(options, submission, key, books)
      return { result, changed: books.allocationsChanged() }
    })
    for (const book of changed) writer.announce({ kind: 'paid', allocation: stateOf(book) })
    return result
  }
}

/** Judges a statement against `books` and stages what follows from a sound one. */
export function judgeStatement(
  { domain, verify, nowSeconds }: Omit<StatementOptions, 'writer'>,
  submission: StatementSubmission,
  key: string,
  books: Books,
): StatementResult {
  const book = allocationNamed(books, submission)
  const allocation = book && statementTerms(book)
  const context = { domain, nowSeconds: nowSeconds(), allocation }
  const judged = checkStatement(context, submission, verify)
  const total = book?.paid ?? 0n
  if (judged.verdict === 'repeated') return { status: 'repeated', paid: 0n, total }
  if (judged.verdict !== 'sound') {
    return { status: 'refused', reason: judged.verdict, paid: 0n, total }
  }
  assert(book !== undefined, 'a sound statement is of an allocation here')
  const change = payStatement(book, submission.statement, judged, key)
  assert(books.change(change) === undefined, 'an allocation pays from what its account holds')
  takeFees(key, books)
  return { status: 'paid', paid: judged.pays, total: judged.paid }
}

function allocationNamed(
  books: Books,
  { statement }: StatementSubmission,
): AllocationBook | undefined {
  const id: unknown = statement.allocation
  return id instanceof Uint8Array && id.length === 32 ? books.allocation(id) : undefined
}
