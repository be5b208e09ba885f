/**
 * Chance that is the same in every run with the same seed, and the ways in which it makes and
 * damages bytes.
 * @module
 */
import { concatBytes } from '../../protocol/bytes.ts'

export type Dice = {
  /** 0 to `below` - 1. */
  readonly below: (below: number) => number
  /** True once in `times`. */
  readonly oneIn: (times: number) => boolean
  readonly pick: <T>(list: readonly T[]) => T
  readonly bytes: (length: number) => Uint8Array
  /** Up to `max`, small numbers more often than large ones. */
  readonly size: (max: number) => number
}

/** A 32-bit number of a text and a seed (FNV-1a), so that each target has chances of its own. */
export function seedOf(text: string, seed: number): number {
  let hash = (2_166_136_261 ^ seed) >>> 0
  for (let place = 0; place < text.length; place++) {
    hash = Math.imul(hash ^ text.charCodeAt(place), 16_777_619) >>> 0
  }
  return hash
}

/** Dice of a 32-bit seed (the generator known as mulberry32). */
export function seededDice(seed: number): Dice {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit: number) => Math.floor((next() / 4_294_967_296) * limit)
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick: (list) => {
      const one = list[below(list.length)]
      if (one === undefined) throw new RangeError('nothing to pick from')
      return one
    },
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24),
    size: (max) => below(below(max + 1) + 1),
  }
}

/** Bytes that stand at an edge of some format: signs, lengths, delimiters, headers. */
const edgeBytes = [
  0x00, 0x01, 0x02, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1f, 0x20, 0x2b, 0x2f, 0x30, 0x32, 0x3f,
  0x40, 0x58, 0x60, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x9b, 0x9f, 0xa0, 0xc0, 0xe0, 0xf6, 0xf8, 0xff,
] as const

type Change = (dice: Dice, bytes: Uint8Array) => Uint8Array

function spliced(bytes: Uint8Array, at: number, drop: number, put: Uint8Array): Uint8Array {
  return concatBytes(bytes.subarray(0, at), put, bytes.subarray(at + drop))
}

const changes: readonly Change[] = [
  (dice, bytes) => {
    const copy = bytes.slice()
    const at = dice.below(bytes.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8))
    return copy
  },
  (dice, bytes) => spliced(bytes, dice.below(bytes.length), 1, Uint8Array.of(dice.pick(edgeBytes))),
  (dice, bytes) => spliced(bytes, dice.below(bytes.length), 1, dice.bytes(1)),
  (dice, bytes) => spliced(bytes, dice.below(bytes.length), dice.size(8), new Uint8Array(0)),
  (dice, bytes) => spliced(bytes, dice.below(bytes.length + 1), 0, dice.bytes(dice.size(8))),
  (dice, bytes) => bytes.slice(0, dice.below(bytes.length)),
  (dice, bytes) => {
    const from = dice.below(bytes.length)
    const piece = bytes.slice(from, from + dice.size(32))
    return spliced(bytes, dice.below(bytes.length + 1), dice.oneIn(2) ? piece.length : 0, piece)
  },
  (dice, bytes) => {
    const at = dice.below(bytes.length)
    const fill = new Uint8Array(dice.size(16)).fill(dice.pick([0, 255]))
    return spliced(bytes, at, fill.length, fill)
  },
]

/** `bytes` with 1 to 4 changes. */
export function damaged(dice: Dice, bytes: Uint8Array): Uint8Array {
  let changed = bytes
  for (let left = 1 + dice.size(3); left > 0; left--) {
    changed = changed.length === 0 ? dice.bytes(dice.size(8)) : dice.pick(changes)(dice, changed)
  }
  return changed
}

/** Unchanged about once in `times`, else damaged. */
export function perhapsDamaged(dice: Dice, bytes: Uint8Array, times = 3): Uint8Array {
  return dice.oneIn(times) ? bytes : damaged(dice, bytes)
}
