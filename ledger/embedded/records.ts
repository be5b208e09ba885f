/**
 * The records of the embedded ledger as bytes: CBOR arrays in the same strict form as the wire.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { isUint64 } from '../../protocol/amount.ts'
import { decodeStored, encodeCbor, type WireValue } from '../../protocol/cbor.ts'
import { encodePublicKey, type PublicKey, parsePublicKey } from '../../protocol/keys.ts'
import { allocationStructure, fromWire, toWire } from '../../protocol/structures.ts'
import type { ClaimResult, ClaimStatus, Withdrawal } from '../ledger.ts'
import type { Transfer } from '../rules/accounting.ts'
import type { AllocationBook, StatementBook } from '../rules/allocationRules.ts'
import { claimReasons } from '../rules/claimRules.ts'

/** How one kind of record is written and read. */
export type Codec<T> = {
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => T
}

/** What was paid by evidence for the channel at a position, and the proof it was paid for. */
export type ChannelBook = {
  readonly channelId: Uint8Array
  /** The cumulative amount that was proved; a statement may have paid a part of it before. */
  readonly paid: bigint
  /** What evidence was paid of it. */
  readonly evidencePaid: bigint
  readonly epoch: number
  readonly index: number
  readonly word: Uint8Array
  readonly paidAtSeconds: number
}

/** One line of the books; lines are numbered from 1 and never change. */
export type Entry = Transfer & { readonly number: number; readonly timeSeconds: number }

export type Counters = { readonly entries: number; readonly submissions: number }
export type Format = { readonly format: number; readonly ledgerId: Uint8Array }
export type Submission = {
  readonly fingerprint: Uint8Array
  readonly results: readonly ClaimResult[]
}

/** Thrown when a record is not what this program wrote. */
export function damaged(what: string): OperatorError {
  return new OperatorError(`the ledger's ${what} cannot be read: restore its store from a backup`)
}

function codec<T>(
  what: string,
  write: (value: T) => readonly WireValue[],
  read: (wire: Fields) => T,
): Codec<T> {
  return {
    encode: (value) => encodeCbor(write(value)),
    decode: (bytes) => {
      const wire = decodeStored(bytes, Number.POSITIVE_INFINITY)
      if (!Array.isArray(wire)) throw damaged(what)
      return read(fieldsOf(wire, what))
    },
  }
}

/** Typed access to a decoded array. */
type Fields = {
  readonly number: (place: number) => number
  readonly amount: (place: number) => bigint
  readonly text: (place: number) => string
  readonly bytes: (place: number) => Uint8Array
  readonly list: (place: number) => readonly Fields[]
  readonly wire: (place: number) => WireValue
  readonly has: (place: number) => boolean
}

function fieldsOf(wire: readonly WireValue[], what: string): Fields {
  const given = <T>(value: T | undefined): T => {
    if (value === undefined) throw damaged(what)
    return value
  }
  const at = (place: number) => given(wire[place])
  const number = (place: number) => {
    const value = at(place)
    return Number(given(typeof value === 'number' || typeof value === 'bigint' ? value : undefined))
  }
  const amount = (place: number) => {
    const value = at(place)
    return BigInt(given(typeof value === 'number' || typeof value === 'bigint' ? value : undefined))
  }
  const text = (place: number) => {
    const value = at(place)
    return given(typeof value === 'string' ? value : undefined)
  }
  const bytes = (place: number) => {
    const value = at(place)
    return given(value instanceof Uint8Array ? new Uint8Array(value) : undefined)
  }
  const list = (place: number) => {
    const value = at(place)
    if (!Array.isArray(value)) throw damaged(what)
    return value.map((one: WireValue) => {
      if (!Array.isArray(one)) throw damaged(what)
      return fieldsOf(one, what)
    })
  }
  return {
    number,
    amount,
    text,
    bytes,
    list,
    wire: at,
    has: (place) => (wire[place] ?? null) !== null,
  }
}

export const formatCodec = codec<Format>(
  'format record',
  ({ format, ledgerId }) => [format, ledgerId],
  (wire) => ({ format: wire.number(0), ledgerId: wire.bytes(1) }),
)

export const countersCodec = codec<Counters>(
  'counters',
  ({ entries, submissions }) => [entries, submissions],
  (wire) => ({ entries: wire.number(0), submissions: wire.number(1) }),
)

/** Only `external` is below 0, so a sign and a magnitude. */
export const balanceCodec = codec<bigint>(
  'balances',
  (balance) => [balance < 0n, balance < 0n ? -balance : balance],
  (wire) => (wire.wire(0) === true ? -wire.amount(1) : wire.amount(1)),
)

export const entryCodec = codec<Omit<Entry, 'number'>>(
  'entries',
  ({ timeSeconds, debit, credit, asset, amount, reference, channel }) => [
    timeSeconds,
    debit,
    credit,
    asset,
    amount,
    reference,
    channel ?? null,
  ],
  (wire) => ({
    timeSeconds: wire.number(0),
    debit: wire.text(1),
    credit: wire.text(2),
    asset: wire.text(3),
    amount: wire.amount(4),
    reference: wire.text(5),
    ...(wire.has(6) ? { channel: wire.text(6) } : {}),
  }),
)

export const channelCodec = codec<ChannelBook>(
  'channels',
  ({ channelId, paid, evidencePaid, epoch, index, word, paidAtSeconds }) => [
    channelId,
    paid,
    epoch,
    index,
    word,
    paidAtSeconds,
    evidencePaid,
  ],
  (wire) => ({
    channelId: wire.bytes(0),
    paid: wire.amount(1),
    epoch: wire.number(2),
    index: wire.number(3),
    word: wire.bytes(4),
    paidAtSeconds: wire.number(5),
    // Before there were statements, evidence alone paid.
    evidencePaid: wire.has(6) ? wire.amount(6) : wire.amount(1),
  }),
)

export const referenceCodec = codec<string>(
  'references',
  (use) => [use],
  (wire) => wire.text(0),
)

/** The key under which a submission's results are kept. */
export const submissionAgeCodec = codec<string>(
  'submissions',
  (key) => [key],
  (wire) => wire.text(0),
)

const statuses: readonly ClaimStatus[] = ['paid', 'repeated', 'refused']

export const submissionCodec = codec<Submission>(
  'submissions',
  ({ fingerprint, results }) => [fingerprint, results.map(resultToWire)],
  (wire) => ({ fingerprint: wire.bytes(0), results: wire.list(1).map(resultFromWire) }),
)

function resultToWire({ channelId, status, reason, paid, cumulative }: ClaimResult): WireValue {
  return [channelId, status, reason ?? null, paid, cumulative]
}

function resultFromWire(wire: Fields): ClaimResult {
  const status = statuses.find((one) => one === wire.text(1))
  const reason = claimReasons.find((one) => wire.has(2) && one === wire.text(2))
  if (status === undefined) throw damaged('submissions')
  return {
    channelId: wire.bytes(0),
    status,
    ...(reason ? { reason } : {}),
    paid: wire.amount(3),
    cumulative: wire.amount(4),
  }
}

export const allocationCodec = codec<AllocationBook>(
  'allocations',
  (book) => [
    book.id,
    toWire(allocationStructure, book),
    book.feeBasisPoints,
    encodePublicKey(book.signerKey),
    book.ownerKey ? encodePublicKey(book.ownerKey) : null,
    book.withdrawalNoticeSeconds,
    book.openedAtSeconds,
    book.setAside,
    book.paid,
    book.fee,
    book.withdrawing.map(({ reference, amount, availableAtSeconds }) => [
      reference,
      amount,
      availableAtSeconds,
    ]),
    book.gatewayKey ? encodePublicKey(book.gatewayKey) : null,
    book.evidencePaid,
    book.statement ? [[...statementToWire(book.statement)]] : [],
  ],
  readAllocation,
)

function readAllocation(wire: Fields): AllocationBook {
  const terms = fromWire(allocationStructure, wire.wire(1))
  if (!terms) throw damaged('allocations')
  const book = {
    ...terms,
    id: wire.bytes(0),
    feeBasisPoints: wire.number(2),
    signerKey: readKey(wire.bytes(3)),
    ownerKey: wire.has(4) ? readKey(wire.bytes(4)) : undefined,
    withdrawalNoticeSeconds: wire.number(5),
    openedAtSeconds: wire.number(6),
    setAside: wire.amount(7),
    paid: wire.amount(8),
    fee: wire.amount(9),
    withdrawing: wire.list(10).map(readWithdrawal),
    gatewayKey: wire.has(11) ? readKey(wire.bytes(11)) : undefined,
    // Before there were statements, evidence alone paid.
    evidencePaid: wire.has(12) ? wire.amount(12) : wire.amount(8),
    statement: wire.has(13) ? wire.list(13).map(readStatementBook)[0] : undefined,
  }
  if (!isUint64(book.setAside - book.paid)) throw damaged('allocations')
  return book
}

function readWithdrawal(wire: Fields): Withdrawal {
  return {
    reference: wire.text(0),
    amount: wire.amount(1),
    availableAtSeconds: wire.number(2),
  }
}

const statementToWire = ({ sequence, digest, root, positions }: StatementBook) => [
  sequence,
  digest,
  root,
  positions,
]

function readStatementBook(wire: Fields): StatementBook {
  return {
    sequence: wire.number(0),
    digest: wire.bytes(1),
    root: wire.bytes(2),
    positions: wire.number(3),
  }
}

function readKey(encoded: Uint8Array): PublicKey {
  const key = parsePublicKey(encoded)
  if (!key) throw damaged('keys')
  return key
}
