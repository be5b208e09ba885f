/**
 * The books during one change: reads come from the store, writes are held back until all of them are
 * handed over at once. Dropping the object drops the change.
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Transfer, TransferProblem } from '../rules/accounting.ts'
import { afterTransfer } from '../rules/accounting.ts'
import type { AllocationBook, Change } from '../rules/allocationRules.ts'
import {
  allocationKey,
  balanceKey,
  channelKey,
  countersKey,
  entryKey,
  referenceKey,
  submissionAgeKey,
  submissionKey,
} from './layout.ts'
import type { ChannelBook, Codec, Counters, Submission } from './records.ts'
import {
  allocationCodec,
  balanceCodec,
  channelCodec,
  countersCodec,
  entryCodec,
  referenceCodec,
  submissionAgeCodec,
  submissionCodec,
} from './records.ts'

type Write = readonly [Uint8Array, Uint8Array | undefined]

export type Books = {
  readonly allocation: (id: Uint8Array) => AllocationBook | undefined
  readonly putAllocation: (book: AllocationBook) => void
  readonly channel: (allocation: Uint8Array, position: number) => ChannelBook | undefined
  readonly putChannel: (allocation: Uint8Array, position: number, book: ChannelBook) => void
  readonly submission: (key: string) => Submission | undefined
  /** Keeps `submission` and forgets the one that is `rememberedMax` older. */
  readonly putSubmission: (key: string, submission: Submission, rememberedMax: number) => void
  /** What an operator's reference was used for, or undefined. */
  readonly referenceUse: (reference: string) => string | undefined
  readonly putReferenceUse: (reference: string, use: string) => void
  readonly transfer: (transfer: Transfer) => TransferProblem | undefined
  /** An allocation's next state with its transfers. */
  readonly change: (change: Change) => TransferProblem | undefined
  readonly allocationsChanged: () => readonly AllocationBook[]
  /** Everything changed, for one atomic write. */
  readonly writes: () => readonly Write[]
}

/** Reads through to `store`; entries made are dated `timeSeconds`. */
export function openBooks(store: KeyValue, timeSeconds: number): Books {
  const allocations = stage(store, allocationCodec)
  const channels = stage(store, channelCodec)
  const balances = stage(store, balanceCodec)
  const counters = stage(store, countersCodec)
  const entries = stage(store, entryCodec)
  const references = stage(store, referenceCodec)
  const submissions = stage(store, submissionCodec)
  const ages = stage(store, submissionAgeCodec)
  const stages = [allocations, channels, balances, counters, entries, references, submissions, ages]

  const count = (name: keyof Counters): number => {
    const before = counters.get(countersKey) ?? { entries: 0, submissions: 0 }
    const next = before[name] + 1
    counters.put(countersKey, { ...before, [name]: next })
    return next
  }
  const transfer = (one: Transfer): TransferProblem | undefined => {
    const after = afterTransfer(
      (account, asset) => balances.get(balanceKey(account, asset)) ?? 0n,
      one,
    )
    if (typeof after === 'string') return after
    for (const { account, asset, balance } of after) {
      balances.put(balanceKey(account, asset), balance)
    }
    entries.put(entryKey(count('entries')), { ...one, timeSeconds })
    return undefined
  }
  const putSubmission: Books['putSubmission'] = (key, submission, rememberedMax) => {
    if (submissions.get(submissionKey(key)) === undefined) {
      const number = count('submissions')
      const oldest = submissionAgeKey(Math.max(0, number - rememberedMax))
      const forgotten = ages.get(oldest)
      if (forgotten !== undefined) submissions.put(submissionKey(forgotten), undefined)
      ages.put(oldest, undefined)
      ages.put(submissionAgeKey(number), key)
    }
    submissions.put(submissionKey(key), submission)
  }
  return {
    allocation: (id) => allocations.get(allocationKey(id)),
    putAllocation: (book) => allocations.put(allocationKey(book.id), book),
    channel: (allocation, position) => channels.get(channelKey(allocation, position)),
    putChannel: (allocation, position, book) =>
      channels.put(channelKey(allocation, position), book),
    submission: (key) => submissions.get(submissionKey(key)),
    putSubmission,
    referenceUse: (reference) => references.get(referenceKey(reference)),
    putReferenceUse: (reference, use) => references.put(referenceKey(reference), use),
    transfer,
    change: ({ next, transfers }) => {
      for (const one of transfers) {
        const problem = transfer(one)
        if (problem) return problem
      }
      allocations.put(allocationKey(next.id), next)
      return undefined
    },
    allocationsChanged: () => allocations.changed(),
    writes: () => stages.flatMap((one) => one.writes()),
  }
}

type Stage<T> = {
  readonly get: (key: Uint8Array) => T | undefined
  readonly put: (key: Uint8Array, value: T | undefined) => void
  /** Values put and not deleted. */
  readonly changed: () => readonly T[]
  readonly writes: () => readonly Write[]
}

function stage<T>(store: KeyValue, codec: Codec<T>): Stage<T> {
  const known = new Map<string, T | undefined>()
  const changed = new Map<string, Uint8Array>()
  return {
    get: (key) => {
      const name = bytesToHex(key)
      if (known.has(name)) return known.get(name)
      const bytes = store.get(key)
      const value = bytes && codec.decode(bytes)
      known.set(name, value)
      return value
    },
    put: (key, value) => {
      const name = bytesToHex(key)
      known.set(name, value)
      changed.set(name, key)
    },
    changed: () =>
      [...changed.keys()].flatMap((name) => {
        const value = known.get(name)
        return value === undefined ? [] : [value]
      }),
    writes: () =>
      [...changed].map(([name, key]) => {
        const value = known.get(name)
        return [key, value === undefined ? undefined : codec.encode(value)] as const
      }),
  }
}
