/**
 * Seeded chance (mulberry32): the same seed gives the same day on every machine. Not for secrets.
 * @module
 */

/** Draws from a 32-bit state that can be stored and continued. */
export type Dice = {
  /** A whole number from `low` to `high`, both included. */
  readonly between: (low: number, high: number) => number
  /** True in `share` (0..1) of all draws. */
  readonly chance: (share: number) => boolean
  readonly state: () => number
}

export function diceFrom(seed: number): Dice {
  let state = seed >>> 0
  const draw = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    between: (low, high) => low + Math.floor((draw() / 2 ** 32) * (high - low + 1)),
    chance: (share) => draw() / 2 ** 32 < share,
    state: () => state,
  }
}
