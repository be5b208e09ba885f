/**
 * What is usual for a device: the median of the same hour of day over 14 days, and how far hours
 * stray from it. Advice, not proof: it may ask for a look or lower a limit, and stops nothing.
 * @module
 */
import type { DeviceObservation, MeterObservation } from '../observation.ts'
import { baselineOf, createRings, type Rings } from '../robust.ts'
import { defineRule, eachMeter, shown, threshold } from '../rule.ts'

const HOUR_SECONDS = 3_600
const HOURS = 24
/** Days of a baseline. */
export const BASELINE_DAYS = 14

const common = {
  days: threshold(10, 'days', 'that must be known before anything is said'),
  sigmas: threshold(8, 'sigma', 'above the median, with sigma from the median absolute deviation'),
}

/** Calls `take` with what was paid in each whole hour that the device was heard at both ends of. */
function eachHour(take: (hour: number, units: number) => void) {
  let hour = -1
  let start: number | undefined
  return (meter: MeterObservation, { atSeconds, online }: DeviceObservation) => {
    const now = Math.floor(atSeconds / HOUR_SECONDS)
    if (now === hour) return
    const isNext = now === hour + 1
    const before = start
    hour = now
    start = online && meter.epoch > 0 ? meter.paidReading : undefined
    if (isNext && before !== undefined && start !== undefined) take(now - 1, start - before)
  }
}

/** The highest value of an hour of day and its neighbours, but for so many exceptions. */
function highAround(usual: Rings, place: number, neighbours: number, exceptions: number): number {
  const values: number[] = []
  for (let away = -neighbours; away <= neighbours; away++) {
    values.push(...usual.of((place + away + HOURS) % HOURS))
  }
  return values.toSorted((a, b) => b - a)[Math.min(exceptions, values.length - 1)] ?? 0
}

function meanOf(usual: Rings): number {
  const all = Array.from({ length: HOURS }, (_, place) => usual.of(place)).flat()
  return all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length)
}

export const unusualHour = defineRule({
  strongest: 'limit',
  about: 'hours in which it consumes far more than it does at this time of day',
  thresholds: {
    ...common,
    neighbours: threshold(2, 'hours', 'before and after whose highest it must exceed as well'),
    exceptions: threshold(2, 'hours', 'of these that are left out as exceptions'),
    share: threshold(0.5, 'of that highest', 'by which it must exceed it'),
    mean: threshold(2, 'mean hours', 'of the same days, that it must exceed as well'),
    hours: threshold(3, 'hours', 'one after the other'),
  },
  begin: ({ days, sigmas, neighbours, exceptions, share, mean, hours }) =>
    eachMeter(() => {
      const usual = createRings(HOURS, BASELINE_DAYS)
      const fresh = new Float32Array(HOURS).fill(Number.NaN)
      let running = 0
      let words: string | undefined
      let unit = ''
      const watch = eachHour((hour, units) => {
        const place = hour % HOURS
        // What is judged by its neighbours must not be among them: an hour counts a day later.
        const yesterday = fresh[place] ?? Number.NaN
        if (!Number.isNaN(yesterday)) usual.put(place, yesterday)
        fresh[place] = units
        const values = usual.of(place)
        // Most hours are below what was seen before: then nothing else has to be looked at.
        const isHigh = values.length >= days && units > mean * baselineOf(values).median
        const { median, sigma } = isHigh ? baselineOf(values) : { median: 0, sigma: 0 }
        const isUnusual =
          isHigh &&
          units > median + sigmas * sigma &&
          units > (1 + share) * highAround(usual, place, neighbours, exceptions) &&
          units > mean * meanOf(usual)
        running = isUnusual ? running + 1 : 0
        words =
          running >= hours
            ? `in the hour from ${place}:00 UTC it took ${shown(units)} ${unit}; on ` +
              `${values.length} days the median was ${shown(median)}, and it strays by ` +
              `${shown(sigma)}`
            : undefined
      })
      return (meter, seen) => {
        unit = meter.unit
        words = undefined
        watch(meter, seen)
        return words
      }
    }),
})

export const risingFloor = defineRule({
  strongest: 'limit',
  about: 'the quietest hour of the day rises above what it was: something leaks or stays on',
  thresholds: {
    ...common,
    share: threshold(0.3, 'of the median', 'above it, where days hardly differ'),
    inARow: threshold(2, 'days', 'one after the other'),
  },
  begin: ({ days, sigmas, share, inARow }) =>
    eachMeter(() => {
      const floors = createRings(1, BASELINE_DAYS)
      let day = -1
      let lowest = Number.POSITIVE_INFINITY
      let running = 0
      let words: string | undefined
      let unit = ''
      const endDay = () => {
        const values = floors.of(0)
        if (lowest !== Number.POSITIVE_INFINITY) floors.put(0, lowest)
        const isKnown = values.length >= days && lowest !== Number.POSITIVE_INFINITY
        const { median, sigma } = isKnown ? baselineOf(values) : { median: 0, sigma: 0 }
        const bound = median + Math.max(sigmas * sigma, share * median)
        running = isKnown && lowest > bound ? running + 1 : 0
        words =
          running >= inARow
            ? `its quietest hour of the day took ${shown(lowest)} ${unit}; over ` +
              `${values.length} days the median was ${shown(median)}, and it strays by ` +
              `${shown(sigma)}`
            : undefined
      }
      const watch = eachHour((hour, units) => {
        const today = Math.floor(hour / HOURS)
        if (today !== day) {
          if (day >= 0) endDay()
          day = today
          lowest = Number.POSITIVE_INFINITY
        }
        lowest = Math.min(lowest, units)
      })
      return (meter, seen) => {
        unit = meter.unit
        words = undefined
        watch(meter, seen)
        return words
      }
    }),
})
