/**
 * Straight lines through measured points.
 * @module
 */

export type Point = { readonly hours: number; readonly value: number }

/** Slope of the line with the least squares of distances; 0 for fewer than two moments. */
export function slopePerHour(points: readonly Point[]): number {
  const count = points.length
  const meanHours = points.reduce((sum, { hours }) => sum + hours, 0) / count
  const meanValue = points.reduce((sum, { value }) => sum + value, 0) / count
  let above = 0
  let below = 0
  for (const { hours, value } of points) {
    above += (hours - meanHours) * (value - meanValue)
    below += (hours - meanHours) ** 2
  }
  return below === 0 ? 0 : above / below
}

/** The middle of all slopes between two points, and where 95 % of the guesses would lie. */
export type Slope = { readonly median: number; readonly low: number; readonly high: number }

/** 97.5 % of a normal distribution. */
const QUANTILE = 1.96

/**
 * The slope of Theil and Sen, which a few readings that are far off do not move, with the interval
 * that Kendall's statistic gives it (Sen 1968). The interval holds for readings that have nothing
 * to do with one another. NaN for fewer than two moments.
 */
export function medianSlopePerHour(points: readonly Point[]): Slope {
  const slopes = points
    .flatMap((one, place) => points.slice(place + 1).map((other) => slopeBetween(one, other)))
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  const count = points.length
  const spread = QUANTILE * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)
  const at = (place: number) => {
    const within = Math.min(Math.max(place, 0), slopes.length - 1)
    return ((slopes[Math.floor(within)] ?? NaN) + (slopes[Math.ceil(within)] ?? NaN)) / 2
  }
  const last = slopes.length - 1
  return {
    median: at(last / 2),
    low: at(Math.floor((last - spread) / 2)),
    high: at(Math.ceil((last + spread) / 2)),
  }
}

function slopeBetween(one: Point, other: Point): number {
  return (other.value - one.value) / (other.hours - one.hours)
}
