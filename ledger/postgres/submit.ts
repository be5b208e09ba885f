/**
 * Submissions: the claims are judged by the rules that every ledger has, against the books as they
 * are under lock; the database books the payments by its own rules, whole or not at all.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex, equalBytes, parseHex } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import {
  channelStructure,
  commitmentStructure,
  mandateStructure,
  toWire,
} from '../../protocol/structures.ts'
import { createProofs, type Reading, readClaims } from '../embedded/judge.ts'
import { type ChannelBook, submissionCodec } from '../embedded/records.ts'
import { isReference } from '../embedded/references.ts'
import { judgeOnce } from '../embedded/submit.ts'
import { judgeStatement } from '../embedded/submitStatement.ts'
import type { ClaimResult, Ledger, StatementSubmission } from '../ledger.ts'
import { CLAIMS_PER_SUBMISSION_MAX } from '../limits.ts'
import type { ReadClaim } from '../rules/claimBytes.ts'
import { digesterOf } from '../rules/digests.ts'
import type { Judging } from '../rules/judging.ts'
import { type LoadedBooks, nothingLoaded, openLoadedBooks, placeOf } from './books.ts'
import type { Connection } from './database.ts'
import type { Changed, News } from './follow.ts'
import { type Held, loadChannels, loadSubmission, lockAllocations } from './load.ts'
import type { Transactions } from './transactions.ts'

/** Results kept for each login: a gateway has a handful of submissions under way. */
const SUBMISSIONS_KEPT = 256

export type SubmitOptions = Judging & {
  readonly transactions: Transactions
  readonly news: News
}

/** `Ledger.submit` on the database. */
export function createSubmit(options: SubmitOptions): Ledger['submit'] {
  const { transactions, timers, verify, sha256, news } = options
  const tools = { digester: digesterOf(options.domain), verify, hash: sha256 }
  const proofs = createProofs()
  const breathe = () => new Promise<void>((resolve) => timers.soon(resolve))
  return async (claims, key) => {
    assert(claims.length <= CLAIMS_PER_SUBMISSION_MAX, 'a submission is within its limit')
    assert(isReference(key), 'the key of a submission is a reference')
    const { readings, fingerprint } = await readClaims(claims, tools, breathe)
    const { results, changed } = await transactions.run('tickpay_gateway', async (connection) => {
      const { books, held, nowSeconds } = await load(connection, readings, key)
      const judge = {
        prover: options.prover,
        proofs,
        maxTail: options.maxTail,
        nowSeconds,
        breathe,
      }
      const results = await judgeOnce(readings, fingerprint, key, books, judge)
      await write(connection, key, books, readings, results)
      return { results, changed: changedIn(books, held) }
    })
    news.tell(changed)
    return results
  }
}

async function load(connection: Connection, readings: readonly Reading[], key: string) {
  const positions = readings.flatMap(({ read }) => (read ? [read.channel] : []))
  const ids = new Map(positions.map(({ allocation }) => [bytesToHex(allocation), allocation]))
  const { held, nowSeconds } = await lockAllocations(connection, [...ids.values()])
  const channels = await loadChannels(connection, positions)
  const submission = await loadSubmission(connection, key)
  const allocations = held.map(({ book }) => book)
  const books = openLoadedBooks({ ...nothingLoaded, allocations, channels, submission })
  return { books, held, nowSeconds }
}

async function write(
  connection: Connection,
  key: string,
  books: LoadedBooks,
  readings: readonly Reading[],
  results: readonly ClaimResult[],
): Promise<void> {
  if (books.channelsChanged().size > 0) await pay(connection, key, books, readings, results)
  const put = books.submissionPut()
  if (!put) return
  const bytes = submissionCodec.encode(put)
  await connection.query('SELECT remember($1, $2, $3, $4)', [
    ...[key, put.fingerprint],
    ...[bytes, SUBMISSIONS_KEPT],
  ])
}

async function pay(
  { query }: Connection,
  key: string,
  books: LoadedBooks,
  readings: readonly Reading[],
  results: readonly ClaimResult[],
): Promise<void> {
  const payments = books.transfers().flatMap(({ debit, channel, amount }) => {
    const allocation = parseHex(debit.slice('allocation:'.length))
    const id = channel === undefined ? undefined : parseHex(channel)
    return id && allocation ? [{ allocation, channel: id, amount }] : []
  })
  const shown = provenBy(readings, results)
  const channels = [...books.channelsChanged()].map(([place, book]) => {
    const [allocation = '', position = ''] = place.split(' ')
    const read = present(shown.get(proofName(book)), 'what is paid was proved by a claim')
    return {
      ...book,
      allocation: present(parseHex(allocation), 'a place names its allocation'),
      position: Number(position),
      evidence: evidenceOf(read),
    }
  })
  await query('SELECT pay_claims($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)', [
    key,
    payments.map(({ allocation }) => allocation),
    payments.map(({ channel }) => channel),
    payments.map(({ amount }) => amount),
    channels.map(({ allocation }) => allocation),
    channels.map(({ position }) => position),
    channels.map(({ channelId }) => channelId),
    channels.map(({ paid }) => paid),
    channels.map(({ epoch }) => epoch),
    channels.map(({ index }) => index),
    channels.map(({ word }) => word),
    channels.map(({ evidence }) => evidence),
  ])
}

/** The claims that proved something, by what they proved. */
function provenBy(
  readings: readonly Reading[],
  results: readonly ClaimResult[],
): ReadonlyMap<string, ReadClaim> {
  const proven = new Map<string, ReadClaim>()
  for (const [place, { channelId, status }] of results.entries()) {
    const read = readings[place]?.read
    if (!read || status !== 'paid') continue
    const { index, word, commitment } = read
    proven.set(proofName({ channelId, epoch: commitment.epoch, index, word }), read)
  }
  return proven
}

const proofName = ({
  channelId,
  epoch,
  index,
  word,
}: Pick<ChannelBook, 'channelId' | 'epoch' | 'index' | 'word'>) =>
  `${bytesToHex(channelId)} ${epoch} ${index} ${bytesToHex(word)}`

/** The whole claim as CBOR, for whoever wants to check again what was paid for. */
function evidenceOf(read: ReadClaim): Uint8Array {
  return encodeCbor([
    toWire(channelStructure, read.channel),
    toWire(mandateStructure, read.mandate),
    read.mandateSignature,
    toWire(commitmentStructure, read.commitment),
    read.commitmentSignature,
    read.index,
    read.word,
  ])
}

function changedIn(books: LoadedBooks, held: readonly Held[]): readonly Changed[] {
  return books.allocationsChanged().map((book) => {
    const before = held.find((one) => equalBytes(one.book.id, book.id))
    return { kind: 'paid', book, revision: (before?.revision ?? 0) + 1 }
  })
}

/** `Ledger.submitStatement` on the database. */
export function createSubmitStatement(options: SubmitOptions): Ledger['submitStatement'] {
  const { transactions, news } = options
  return async (submission, key) => {
    assert(isReference(key), 'the key of a submission is a reference')
    const { result, changed } = await transactions.run('tickpay_gateway', async (connection) => {
      const { held, nowSeconds } = await lockAllocations(connection, idsIn(submission))
      const allocations = held.map(({ book }) => book)
      const books = openLoadedBooks({ ...nothingLoaded, allocations })
      const judge = { ...options, nowSeconds: () => nowSeconds }
      const result = judgeStatement(judge, submission, key, books)
      if (result.status === 'paid') await payStatement(connection, submission, key, books)
      return { result, changed: changedIn(books, held) }
    })
    news.tell(changed)
    return result
  }
}

function idsIn({ statement }: StatementSubmission): readonly Uint8Array[] {
  const id: unknown = statement.allocation
  return id instanceof Uint8Array && id.length === 32 ? [id] : []
}

async function payStatement(
  { query }: Connection,
  { statement, gatewaySignature, fleetSignature }: StatementSubmission,
  key: string,
  books: LoadedBooks,
): Promise<void> {
  const { allocation, sequence, total, evidencePaid, positions, root } = statement
  const [book] = books.allocationsChanged()
  const digest = present(book?.statement, 'a statement that is paid is in force').digest
  await query('SELECT pay_statement($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)', [
    ...[key, allocation, sequence, total, evidencePaid, positions, root, digest],
    ...[statement.issuedAt, statement.expiry, gatewaySignature, fleetSignature],
  ])
}

export { placeOf }
