/**
 * Chance that is the same in every run with the same seed (the generator known as mulberry32).
 * @module
 */

export type Chance = {
  /** 0 to 1, without 1. */
  readonly next: () => number
  readonly between: (low: number, high: number) => number
  /** A whole number, both ends among them. */
  readonly whole: (low: number, high: number) => number
  readonly happens: (probability: number) => boolean
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (low: number, high: number) => low + (high - low) * next()
  return {
    next,
    between,
    whole: (low, high) => Math.floor(between(low, high + 1)),
    happens: (probability) => next() < probability,
  }
}

/** A seed of its own for each trace of a seed, far from those of its neighbours. */
export function seedOf(seed: number, trace: number): number {
  const mixed = Math.imul((seed * 1_000 + trace) ^ 0x9e3779b9, 0x85ebca6b)
  return (mixed ^ (mixed >>> 13)) >>> 0
}
