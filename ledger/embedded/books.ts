/**
 * The books during one change: reads come from the store, writes are held back until all of them
 * are handed over at once. Dropping the object drops the change.
 * @module
 */
import type { KeyValue } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
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
  /** `place` names a position of an allocation; see `placeOf`. */
  readonly channel: (place: string) => ChannelBook | undefined
  readonly putChannel: (place: string, book: ChannelBook) => void
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
  const allocations = stage(store, allocationCodec, (hex) => allocationKey(idFromHex(hex)))
  const channels = stage(store, channelCodec, channelKeyNamed)
  const references = stage(store, referenceCodec, referenceKey)
  const count = counter(store)
  const journal = stageEntries(store, timeSeconds, count.next)
  const submissions = stageSubmissions(store, count.next)
  const stages = [allocations, channels, references, journal, submissions, count]
  return {
    allocation: (id) => allocations.get(bytesToHex(id)),
    putAllocation: (book) => allocations.put(bytesToHex(book.id), book),
    allocationsChanged: allocations.changed,
    channel: (place) => channels.get(place),
    putChannel: (place, book) => channels.put(place, book),
    submission: submissions.get,
    putSubmission: submissions.put,
    referenceUse: references.get,
    putReferenceUse: references.put,
    transfer: journal.transfer,
    change: ({ next, transfers }) => {
      for (const one of transfers) {
        const problem = journal.transfer(one)
        if (problem) return problem
      }
      allocations.put(bytesToHex(next.id), next)
      return undefined
    },
    writes: () => stages.flatMap((one) => one.writes()),
  }
}

type Count = (name: keyof Counters) => number

/** Numbers entries and submissions from 1. */
function counter(store: KeyValue): { next: Count; writes: () => readonly Write[] } {
  const counters = stage(store, countersCodec, () => countersKey)
  const next: Count = (name) => {
    const before = counters.get('') ?? { entries: 0, submissions: 0 }
    counters.put('', { ...before, [name]: before[name] + 1 })
    return before[name] + 1
  }
  return { next, writes: counters.writes }
}

function stageEntries(store: KeyValue, timeSeconds: number, next: Count) {
  const balances = stage(store, balanceCodec, balanceKey)
  const entries: Write[] = []
  const transfer: Books['transfer'] = (one) => {
    const after = afterTransfer((name) => balances.get(name) ?? 0n, one)
    if (typeof after === 'string') return after
    for (const { name, balance } of after) balances.put(name, balance)
    entries.push([entryKey(next('entries')), entryCodec.encode({ ...one, timeSeconds })])
    return undefined
  }
  return { transfer, writes: () => [...entries, ...balances.writes()] }
}

function stageSubmissions(store: KeyValue, next: Count) {
  const submissions = stage(store, submissionCodec, submissionKey)
  const ages = stage(store, submissionAgeCodec, (age) => submissionAgeKey(Number(age)))
  const put: Books['putSubmission'] = (key, submission, rememberedMax) => {
    if (submissions.get(key) === undefined) {
      const number = next('submissions')
      const oldest = `${Math.max(0, number - rememberedMax)}`
      const forgotten = ages.get(oldest)
      if (forgotten !== undefined) submissions.put(forgotten, undefined)
      ages.put(oldest, undefined)
      ages.put(`${number}`, key)
    }
    submissions.put(key, submission)
  }
  const writes = () => [...submissions.writes(), ...ages.writes()]
  return { get: submissions.get, put, writes }
}

/** The name of a position of an allocation. */
export function placeOf(allocation: Uint8Array, position: number): string {
  return `${bytesToHex(allocation)} ${position}`
}

function channelKeyNamed(place: string): Uint8Array {
  const [hex = '', position = ''] = place.split(' ')
  return channelKey(idFromHex(hex), Number(position))
}

function idFromHex(hex: string): Uint8Array {
  return present(parseHex(hex), 'the name of an allocation is its id in hex')
}

type Stage<T> = {
  readonly get: (name: string) => T | undefined
  readonly put: (name: string, value: T | undefined) => void
  /** Values put and not deleted. */
  readonly changed: () => readonly T[]
  readonly writes: () => readonly Write[]
}

/** Names are what records are called in memory; keys are made when the store is asked. */
function stage<T>(store: KeyValue, codec: Codec<T>, keyOf: (name: string) => Uint8Array): Stage<T> {
  const known = new Map<string, T | undefined>()
  const changed = new Set<string>()
  const keys = new Map<string, Uint8Array>()
  const keyFor = (name: string): Uint8Array => {
    const key = keys.get(name) ?? keyOf(name)
    keys.set(name, key)
    return key
  }
  const read = (name: string): T | undefined => {
    const bytes = store.get(keyFor(name))
    const value = bytes && codec.decode(bytes)
    known.set(name, value)
    return value
  }
  return {
    get: (name) => (known.has(name) ? known.get(name) : read(name)),
    put: (name, value) => {
      known.set(name, value)
      changed.add(name)
    },
    changed: () => [...changed].flatMap((name) => known.get(name) ?? []),
    writes: () =>
      [...changed].map((name) => {
        const value = known.get(name)
        return [keyFor(name), value === undefined ? undefined : codec.encode(value)] as const
      }),
  }
}
