/**
 * A submission from its claims to durable results.
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { assert } from '../../protocol/assert.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { Claim, ClaimResult, Ledger } from '../ledger.ts'
import { CLAIMS_PER_SUBMISSION_MAX, SUBMISSIONS_REMEMBERED_MAX } from '../limits.ts'
import { stateOf } from '../rules/allocationRules.ts'
import { digesterOf } from '../rules/digests.ts'
import type { Judging } from '../rules/judging.ts'
import { type Books, openBooks } from './books.ts'
import { createProofs, type Judge, judgeClaims, type Reading, readClaims } from './judge.ts'
import { isReference } from './references.ts'
import type { Writer } from './writer.ts'

type SubmitOptions = Judging & {
  readonly store: KeyValue
  readonly writer: Writer
  readonly nowSeconds: () => number
}

/** `Ledger.submit` on the store's books. */
export function createSubmit(options: SubmitOptions): Ledger['submit'] {
  const { store, writer, timers, nowSeconds, maxTail, verify, sha256, prover } = options
  const tools = { digester: digesterOf(options.domain), verify, hash: sha256 }
  const proofs = createProofs()
  const breathe = () => new Promise<void>((resolve) => timers.soon(resolve))

  const submit = async (claims: readonly Claim[], key: string): Promise<readonly ClaimResult[]> => {
    const { readings, fingerprint } = await readClaims(claims, tools, breathe)
    const now = nowSeconds()
    const books = openBooks(store, now)
    const judge = { prover, proofs, maxTail, nowSeconds: now, breathe }
    const results = await judgeOnce(readings, fingerprint, key, books, judge)
    const paid = books.allocationsChanged()
    await writer.write(books)
    for (const book of paid) writer.announce({ kind: 'paid', allocation: stateOf(book) })
    return results
  }
  return async (claims, key) => {
    assert(claims.length <= CLAIMS_PER_SUBMISSION_MAX, 'a submission is within its limit')
    assert(isReference(key), 'the key of a submission is a reference')
    return writer.serially(() => submit(claims, key))
  }
}

/**
 * Results of an earlier submission of the same claims under the same key are given again. What was
 * refused then is judged again, because what was missing may be there now.
 */
export async function judgeOnce(
  readings: readonly Reading[],
  fingerprint: Uint8Array,
  key: string,
  books: Books,
  judge: Judge,
): Promise<readonly ClaimResult[]> {
  const known = books.submission(key)
  const earlier = known && equalBytes(known.fingerprint, fingerprint) ? known.results : []
  const isSettled = (place: number) => {
    const status = earlier[place]?.status
    return status !== undefined && status !== 'refused'
  }
  const unsettled = readings.filter((_, place) => !isSettled(place))
  if (unsettled.length === 0) return earlier
  const judged = [...(await judgeClaims(unsettled, key, books, judge))].values()
  const results = readings.map((_, place) => {
    const settled = isSettled(place) ? earlier[place] : judged.next().value
    assert(settled !== undefined, 'every claim has a result')
    return settled
  })
  books.putSubmission(key, { fingerprint, results }, SUBMISSIONS_REMEMBERED_MAX)
  return results
}
