/**
 * The hash chain of one epoch, after PayWord (Rivest and Shamir, 1996). Every step hashes the
 * commitment's terms and the index with the word, so a word is worth something in one place only.
 * @module
 */
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { assert } from './assert.ts'
import { concatBytes, equalBytes, exactBytes, utf8ToBytes } from './bytes.ts'
import { EPOCH_LENGTH_TICKS_MAX } from './limits.ts'
import type { Commitment } from './structures.ts'
import { commitmentStructure } from './structures.ts'
import { encodeField, typeHash } from './typedData.ts'

export const WORD_BYTES = 32
export const BIND_BYTES = 16
/** "TP", version, bind, index, word: with SHA-256's padding exactly one 64-byte block. */
export const STEP_BYTES = 55
const BIND_OFFSET = 3
const INDEX_OFFSET = BIND_OFFSET + BIND_BYTES
/** Where the word lies in a step's block. */
export const WORD_OFFSET = INDEX_OFFSET + 4

/** A commitment before its root is known. */
export type Terms = Omit<Commitment, 'root'>

/** SHA-256 of `STEP_BYTES`; a gateway may pass a faster one than the reference. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array

/**
 * One step of a chain on a block that `stepBlock` made. Both answers stay within the block and the
 * caller's arrays: a gateway takes hundreds of thousands of steps a second. Held words are seen as
 * 32-bit numbers in the machine's own order, eight of them: byte by byte, copies and comparison
 * took half as long as the hash.
 */
export type StepHash = {
  /** Puts the SHA-256 of the block in the place of its word. */
  readonly replace: (block: Uint8Array) => void
  /** True when the SHA-256 of the block, which stays as it is, is the word at `held[heldAt]`. */
  readonly meets: (block: Uint8Array, held: Uint32Array, heldAt: number) => boolean
}

/** A word that lies somewhere in a message or a column, and its index. */
export type WordPlace = {
  readonly bytes: Uint8Array
  /** Where its 32 bytes begin. */
  readonly at: number
  readonly index: number
}

/**
 * True when the word at `shown` leads to the one at `held[heldAt]` with index `heldIndex`, by the
 * chain whose bind is at `bind[bindAt]`: what `leadsTo` says, without an object for any step. Bind
 * and held word are seen as 32-bit numbers; see `to32Bit`.
 */
export type WordCheck = (
  bind: Uint32Array,
  bindAt: number,
  shown: WordPlace,
  held: Uint32Array,
  heldAt: number,
  heldIndex: number,
) => boolean

/** T: SHA-256 over the typed fields of a commitment except its root. */
export function termsHash(terms: Terms): Uint8Array {
  const words = commitmentStructure.type.fields
    .filter((field) => field.name !== 'root')
    .map((field) => encodeField(field.type, terms[field.name as keyof Terms]))
  return sha256(concatBytes(typeHash(commitmentStructure.type), ...words))
}

/** The first 16 bytes of T, which every step of the chain hashes. */
export function bindOf(terms: Terms): Uint8Array {
  return termsHash(terms).slice(0, BIND_BYTES)
}

/** w_n, derived from the device's root secret (HKDF, RFC 5869) and never stored. */
export function lastWord(rootSecret: Uint8Array, terms: Terms): Uint8Array {
  const info = concatBytes(utf8ToBytes('tickpay chain'), termsHash(terms))
  return hkdf(sha256, exactBytes(rootSecret, 32, 'root secret'), undefined, info, WORD_BYTES)
}

/** A reusable input block for `stepBack` with tag and bind in place. */
export function stepBlock(bind: Uint8Array): Uint8Array {
  const block = new Uint8Array(STEP_BYTES)
  block.set([0x54, 0x50, 1])
  block.set(exactBytes(bind, BIND_BYTES, 'bind'), BIND_OFFSET)
  return block
}

/** w_{index - steps} from w_index. Overwrites `block`, which came from `stepBlock`. */
export function stepBack(
  block: Uint8Array,
  word: Uint8Array,
  index: number,
  steps: number,
  hash: Sha256 = sha256,
): Uint8Array {
  assert(steps >= 0 && steps <= index, 'a chain has no word before its root')
  let current = word
  for (let i = index; i > index - steps; i--) {
    writeIndex(block, i)
    block.set(current, WORD_OFFSET)
    current = hash(block)
  }
  return current
}

/** True when `word` at `index` leads to `held` at `heldIndex`. */
export function leadsTo(
  bind: Uint8Array,
  word: Uint8Array,
  index: number,
  held: Uint8Array,
  heldIndex: number,
  hash: Sha256 = sha256,
): boolean {
  return equalBytes(stepBack(stepBlock(bind), word, index, index - heldIndex, hash), held)
}

/** How many 32-bit numbers a bind and a word are. */
export const BIND_32 = BIND_BYTES / 4
export const WORD_32 = WORD_BYTES / 4

/** A copy of a bind or a word as 32-bit numbers in the machine's own order. */
export function to32Bit(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.slice().buffer)
}

/** Steps by any SHA-256. */
export function stepHashOf(hash: Sha256): StepHash {
  return {
    replace: (block) => block.set(hash(block), WORD_OFFSET),
    meets: (block, held, heldAt) => {
      const own = to32Bit(Uint8Array.from(hash(block)))
      return own.every((number, place) => number === held[heldAt + place])
    },
  }
}

/** A check with a block of its own, which every call uses again. */
export function createWordCheck({ replace, meets }: StepHash): WordCheck {
  // The block begins one byte late, so that its bind begins where a 32-bit number may.
  const memory = new ArrayBuffer(64)
  const numbers = new Uint32Array(memory)
  const block = new Uint8Array(memory, 1, STEP_BYTES)
  block.set(stepBlock(new Uint8Array(BIND_BYTES)))
  const bindPlace = (1 + BIND_OFFSET) / 4
  return (bind, bindAt, shown, held, heldAt, heldIndex) => {
    const { bytes, at, index } = shown
    assert(heldIndex < index, 'a word leads to an earlier one')
    for (let i = 0; i < BIND_32; i++) numbers[bindPlace + i] = bind[bindAt + i] ?? 0
    for (let i = 0; i < WORD_BYTES; i++) block[WORD_OFFSET + i] = bytes[at + i] ?? 0
    for (let i = index; i > heldIndex + 1; i--) {
      writeIndex(block, i)
      replace(block)
    }
    writeIndex(block, heldIndex + 1)
    return meets(block, held, heldAt)
  }
}

function writeIndex(block: Uint8Array, index: number): void {
  block[INDEX_OFFSET] = index >>> 24
  block[INDEX_OFFSET + 1] = index >>> 16
  block[INDEX_OFFSET + 2] = index >>> 8
  block[INDEX_OFFSET + 3] = index
}

export type Chain = {
  readonly root: Uint8Array
  readonly length: number
  /** w_index, 0 to length; in any order. */
  readonly wordAt: (index: number) => Uint8Array
}

/**
 * A step by the reference SHA-256 in memory that every call uses again: without an object for each,
 * the 65,536 steps of an epoch take a third of the time and leave nothing to collect.
 */
export function createReplace(): StepHash['replace'] {
  const fresh = sha256.create()
  const hasher = fresh.clone()
  const word = new Uint8Array(WORD_BYTES)
  return (block) => {
    fresh._cloneInto(hasher)
    hasher.update(block).digestInto(word)
    block.set(word, WORD_OFFSET)
  }
}

/**
 * The payer's chain. Keeps about sqrt(n) words at equal distances and one stretch of as many words
 * between two of them, so ticking upwards costs at most 2 hashes a word, building included, and
 * any other word at most sqrt(n).
 */
export function buildChain(
  rootSecret: Uint8Array,
  terms: Terms,
  replace: StepHash['replace'] = createReplace(),
): Chain {
  const { length } = terms
  assert(length >= 1 && length <= EPOCH_LENGTH_TICKS_MAX, 'epoch length is within its limit')
  const spacing = Math.ceil(Math.sqrt(length))
  const steps = descent(stepBlock(bindOf(terms)), replace)
  const marks = new Uint8Array((Math.ceil(length / spacing) + 1) * WORD_BYTES)
  marks.set(lastWord(rootSecret, terms), marks.length - WORD_BYTES)
  steps(marks.subarray(-WORD_BYTES), length, 0, (word, index) => {
    if (index % spacing === 0) marks.set(word, (index / spacing) * WORD_BYTES)
  })
  return {
    root: marks.slice(0, WORD_BYTES),
    length,
    wordAt: stretchCache(steps, marks, spacing, length),
  }
}

/** Shows w_{from - 1} to w_to, in this order, where each lies until the next is shown. */
type Descent = (
  word: Uint8Array,
  from: number,
  to: number,
  show: (word: Uint8Array, index: number) => void,
) => void

function descent(block: Uint8Array, replace: StepHash['replace']): Descent {
  const current = block.subarray(WORD_OFFSET)
  return (word, from, to, show) => {
    current.set(word)
    for (let index = from; index > to; index--) {
      writeIndex(block, index)
      replace(block)
      show(current, index - 1)
    }
  }
}

function stretchCache(
  steps: Descent,
  marks: Uint8Array,
  spacing: number,
  length: number,
): Chain['wordAt'] {
  let start = -1
  const words = new Uint8Array((spacing + 1) * WORD_BYTES)
  const place = (index: number) => (index - start) * WORD_BYTES
  const fill = () => {
    const end = Math.min(start + spacing, length)
    const mark = Math.ceil(end / spacing) * WORD_BYTES
    words.set(marks.subarray(mark, mark + WORD_BYTES), place(end))
    steps(marks.subarray(mark, mark + WORD_BYTES), end, start, (word, index) => {
      words.set(word, place(index))
    })
  }
  return (index) => {
    assert(Number.isInteger(index) && index >= 0 && index <= length, 'the chain has this index')
    const from = index - (index % spacing)
    if (from !== start) {
      start = from
      fill()
    }
    return words.slice(place(index), place(index + 1))
  }
}
