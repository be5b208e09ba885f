import { describe, expect, it } from 'vitest'
import { medianSlopePerHour, slopePerHour } from '../../soak/lines.ts'

/** A line of 3 an hour, with something added to each of its readings. */
function line(count: number, added: (place: number) => number) {
  return Array.from({ length: count }, (_, place) => {
    const hours = place / 10
    return { hours, value: 50 + 3 * hours + added(place) }
  })
}

describe('slopes of what a soak measures', () => {
  it('both are those of a straight line', () => {
    const points = line(12, () => 0)
    expect(slopePerHour(points)).toBeCloseTo(3)
    const { median, low, high } = medianSlopePerHour(points)
    for (const one of [median, low, high]) expect(one).toBeCloseTo(3)
  })

  it('readings that are far off do not move the median slope', () => {
    const points = line(21, (place) => (place === 20 ? 40 : 0))
    expect(slopePerHour(points)).toBeGreaterThan(8)
    expect(medianSlopePerHour(points).median).toBeCloseTo(3)
  })

  it('the interval holds the slope, and is wider the fewer readings there are', () => {
    const wave = (place: number) => Math.sin(place * 2.4)
    const [few, many] = [8, 40].map((count) => medianSlopePerHour(line(count, wave)))
    for (const slope of [few, many]) {
      expect(slope?.low).toBeLessThan(3)
      expect(slope?.high).toBeGreaterThan(3)
    }
    const width = (slope = few) => (slope?.high ?? 0) - (slope?.low ?? 0)
    expect(width(many)).toBeLessThan(width(few))
  })

  it('a sawtooth of collections that goes nowhere has no slope', () => {
    const points = line(400, (place) => (place % 40) / 4 - (3 * place) / 10)
    expect(Math.abs(medianSlopePerHour(points).median)).toBeLessThan(0.1)
  })

  it('one reading has no slope', () => {
    expect(medianSlopePerHour(line(1, () => 0)).median).toBeNaN()
  })
})
