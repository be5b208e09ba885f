/**
 * The part of the books that one change needs, read under its locks: the rules that the embedded
 * ledger has work on it, and what they staged is handed to the database.
 * @module
 */
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { type Books, placeOf } from '../embedded/books.ts'
import type { ChannelBook, Submission } from '../embedded/records.ts'
import {
  afterTransfer,
  allocationAccount,
  assetName,
  balanceName,
  type Transfer,
} from '../rules/accounting.ts'
import { type AllocationBook, balanceOf } from '../rules/allocationRules.ts'

/** What was read. Anything that was not is not there. */
export type Loaded = {
  readonly allocations: readonly AllocationBook[]
  /** By place; see `placeOf`. */
  readonly channels: ReadonlyMap<string, ChannelBook>
  /** By balance name; accounts of allocations need not be among them. */
  readonly balances: ReadonlyMap<string, bigint>
  readonly submission: Submission | undefined
  /** What the reference of this change was used for. */
  readonly use: string | undefined
}

export type LoadedBooks = Books & {
  readonly transfers: () => readonly Transfer[]
  /** Channels put, by place. */
  readonly channelsChanged: () => ReadonlyMap<string, ChannelBook>
  /** What is to be remembered of a submission. */
  readonly submissionPut: () => Submission | undefined
}

export const nothingLoaded: Loaded = {
  allocations: [],
  channels: new Map(),
  balances: new Map(),
  submission: undefined,
  use: undefined,
}

export function openLoadedBooks(loaded: Loaded): LoadedBooks {
  const allocations = new Map(loaded.allocations.map((one) => [bytesToHex(one.id), one]))
  const changed = new Set<string>()
  const channels = new Map<string, ChannelBook>()
  const balances = new Map([...loaded.balances, ...loaded.allocations.map(heldBy)])
  const transfers: Transfer[] = []
  let submission: Submission | undefined
  let use = loaded.use
  const transfer: Books['transfer'] = (one) => {
    const after = afterTransfer((name) => balances.get(name) ?? 0n, one)
    if (typeof after === 'string') return after
    for (const { name, balance } of after) balances.set(name, balance)
    transfers.push(one)
    return undefined
  }
  const putAllocation = (book: AllocationBook) => {
    const name = bytesToHex(book.id)
    allocations.set(name, book)
    changed.add(name)
  }
  return {
    allocation: (id) => allocations.get(bytesToHex(id)),
    putAllocation,
    allocationsChanged: () =>
      [...changed].map((name) => present(allocations.get(name), 'what changed is there')),
    channel: (place) => channels.get(place) ?? loaded.channels.get(place),
    putChannel: (place, book) => channels.set(place, book),
    channelsChanged: () => channels,
    submission: () => submission ?? loaded.submission,
    putSubmission: (_, put) => {
      submission = put
    },
    submissionPut: () => submission,
    referenceUse: () => use,
    putReferenceUse: (_, put) => {
      use = put
    },
    transfer,
    transfers: () => transfers,
    change: ({ next, transfers: moved }) => {
      for (const one of moved) {
        const problem = transfer(one)
        if (problem) return problem
      }
      putAllocation(next)
      return undefined
    },
    writes: () => [],
  }
}

/** The balance of an allocation's account, which follows from the allocation. */
function heldBy(book: AllocationBook): readonly [string, bigint] {
  const asset = assetName({ code: book.assetCode, scale: book.assetScale })
  return [balanceName(allocationAccount(book.id), asset), balanceOf(book)]
}

export { placeOf }
