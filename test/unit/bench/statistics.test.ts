import { expect, test } from 'vitest'
import { createHistogram, ratioSpread, spread } from '../../../bench/statistics.ts'

test('a spread has the middle, or the mean of the two in the middle', () => {
  expect(spread([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 })
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 })
  expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 })
  expect(() => spread([])).toThrow(RangeError)
})

test('ratios are taken round by round, so that a slow moment of both counts for neither', () => {
  expect(ratioSpread([10, 50, 20], [10, 100, 20])).toEqual({ median: 1, min: 0.5, max: 1 })
})

test('percentiles are within one per cent of the exact ones', () => {
  const histogram = createHistogram()
  const values = Array.from({ length: 10_000 }, (_, place) => 1 + place ** 1.5)
  for (const value of values) histogram.add(value)
  for (const share of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = values[Math.ceil(share * values.length) - 1] ?? 0
    expect(histogram.at(share) / exact).toBeGreaterThan(0.99)
    expect(histogram.at(share) / exact).toBeLessThan(1.01)
  }
  expect(histogram.at(1)).toBe(histogram.highest())
  expect(histogram.count()).toBe(values.length)
})
