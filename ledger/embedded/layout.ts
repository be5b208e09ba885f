/**
 * Where the embedded ledger keeps what: one letter for the kind of record, then its key, so that a
 * range over a letter is a list in order.
 * @module
 */
import { bigEndian, concatBytes, utf8ToBytes } from '../../protocol/bytes.ts'

/** Raised when an older program could not read what this one writes. */
export const LEDGER_FORMAT = 2

const letter = (text: string) => utf8ToBytes(text)

export const formatKey = letter('format')
/** There where the books are kept outside of the store, with the kind of that ledger. */
export const outsideKey = letter('outside')
export const countersKey = letter('counters')
export const allocationKey = (id: Uint8Array) => concatBytes(letter('A'), id)
/** One record a position, so that a position cannot have two channels. */
export const channelKey = (allocation: Uint8Array, position: number) =>
  concatBytes(letter('C'), allocation, bigEndian(BigInt(position), 4))
/** By asset and account; see `balanceName`. */
export const balanceKey = (name: string) => concatBytes(letter('B'), utf8ToBytes(name))
export const entryKey = (number: number) => concatBytes(letter('E'), bigEndian(BigInt(number), 8))
/** What an operator's reference was used for. */
export const referenceKey = (reference: string) => concatBytes(letter('R'), utf8ToBytes(reference))
/** Results of a submission, by its key and by its age. */
export const submissionKey = (key: string) => concatBytes(letter('S'), utf8ToBytes(key))
export const submissionAgeKey = (number: number) =>
  concatBytes(letter('T'), bigEndian(BigInt(number), 8))

/** Account and asset of a balance's key. */
export function readBalanceKey(key: Uint8Array): { account: string; asset: string } {
  const name = new TextDecoder().decode(key.subarray(1))
  const [asset = '', account = ''] = name.split(' ')
  return { account, asset }
}

/** The range of all keys that begin with `prefix`, which never ends in 0xff here. */
export function rangeUnder(prefix: Uint8Array): readonly [Uint8Array, Uint8Array] {
  return [prefix, concatBytes(prefix, new Uint8Array(33).fill(0xff))]
}

export const everyAllocation = rangeUnder(letter('A'))
export const everyBalance = rangeUnder(letter('B'))
export const everyEntry = rangeUnder(letter('E'))
export const channelsOf = (allocation: Uint8Array) =>
  rangeUnder(concatBytes(letter('C'), allocation))
