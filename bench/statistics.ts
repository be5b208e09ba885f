/**
 * Medians over rounds, and a histogram that keeps percentiles of millions of latencies.
 * @module
 */

/** Median of several rounds, with the lowest and the highest. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number }

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('a spread needs values')
  const sorted = [...values].sort((a, b) => a - b)
  const at = (place: number) => sorted[Math.max(0, Math.min(sorted.length - 1, place))] ?? 0
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  }
}

/** Median of the quotients of rounds that ran one after the other. */
export function ratioSpread(values: readonly number[], references: readonly number[]): Spread {
  const pairs = values.slice(0, references.length)
  return spread(pairs.map((value, place) => value / (references[place] ?? Number.NaN)))
}

/** Steps that each doubling is cut into: an error below 1 %. */
const STEPS = 128
const DOUBLINGS = 40

export type Histogram = {
  readonly add: (micros: number) => void
  readonly count: () => number
  /** The value that `share` (0..1) of all are not above. */
  readonly at: (share: number) => number
  readonly highest: () => number
}

/** Latencies in microseconds, from 1 upwards. */
export function createHistogram(): Histogram {
  const buckets = new Uint32Array(STEPS * DOUBLINGS)
  let count = 0
  let highest = 0
  return {
    add: (micros) => {
      const place = Math.floor(Math.log2(Math.max(1, micros)) * STEPS)
      const bucket = Math.min(place, buckets.length - 1)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
      count += 1
      if (micros > highest) highest = micros
    },
    count: () => count,
    at: (share) => {
      let left = Math.ceil(share * count)
      for (const [place, inBucket] of buckets.entries()) {
        left -= inBucket
        if (left <= 0) return Math.min(highest, 2 ** ((place + 1) / STEPS))
      }
      return highest
    },
    highest: () => highest,
  }
}
