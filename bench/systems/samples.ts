/**
 * A counter that only grows, looked at from time to time: how much it grew between two moments.
 * @module
 */

const SAMPLES_MAX = 20_000

export type Samples = {
  readonly add: (atMs: number, count: number) => void
  /** Growth between two moments of the wall clock, as if it had been steady between two looks. */
  readonly between: (fromMs: number, toMs: number) => number
}

export function createSamples(): Samples {
  const samples: { readonly atMs: number; readonly count: number }[] = []
  const countAt = (atMs: number): number => {
    const after = samples.findIndex((sample) => sample.atMs >= atMs)
    const next = samples[after] ?? samples.at(-1)
    if (next === undefined) return 0
    const before = after > 0 ? (samples[after - 1] ?? next) : next
    if (next.atMs === before.atMs) return next.count
    const share = (atMs - before.atMs) / (next.atMs - before.atMs)
    return before.count + share * (next.count - before.count)
  }
  return {
    add: (atMs, count) => {
      samples.push({ atMs, count })
      if (samples.length > SAMPLES_MAX) samples.splice(0, SAMPLES_MAX / 2)
    },
    between: (fromMs, toMs) => countAt(toMs) - countAt(fromMs),
  }
}
