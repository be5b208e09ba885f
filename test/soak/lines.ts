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
