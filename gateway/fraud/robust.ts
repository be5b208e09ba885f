/**
 * Median and median absolute deviation: a baseline that a few odd values do not move.
 * @module
 */

/** Makes the MAD of a normal distribution its standard deviation. */
const MAD_TO_SIGMA = 1.4826

export type Baseline = { readonly median: number; readonly sigma: number }

/** Of at least one value. */
export function baselineOf(values: readonly number[]): Baseline {
  const median = medianOf(values)
  const sigma = MAD_TO_SIGMA * medianOf(values.map((value) => Math.abs(value - median)))
  return { median, sigma }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2
}
