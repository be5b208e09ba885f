/**
 * What is usual for a device: the median of the same hour of day over 14 days, and how far hours
 * stray from it. Advice, not proof: it may ask for a look or lower a limit, and stops nothing.
 * @module
 */
import type { MeterObservation } from '../observation.ts'
import { createRings, createSlots } from '../rings.ts'
import { baselineOf } from '../robust.ts'
import { at, NO_ROW, put, type Rows } from '../rows.ts'
import { defineRule, eachMeter, type Memory, shown, threshold } from '../rule.ts'

const HOUR_SECONDS = 3_600
const HOURS = 24
/** Days of a baseline. */
export const BASELINE_DAYS = 14

const common = {
  days: threshold(10, 'days', 'that must be known before anything is said'),
  sigmas: threshold(8, 'sigma', 'above the median, with sigma from the median absolute deviation'),
}

type Take = (
  meter: MeterObservation,
  row: number,
  hour: number,
  units: number,
) => string | undefined

/** Shows `take` what was paid in each whole hour that the device was heard at both ends of. */
function eachHour(meters: Rows, take: Take) {
  const hours = meters.column(-1)
  const starts = meters.column(Number.NaN)
  return eachMeter((meter, row, { atSeconds, online }) => {
    const now = Math.floor(atSeconds / HOUR_SECONDS)
    if (now === at(hours, row)) return undefined
    const isNext = now === at(hours, row) + 1
    const before = at(starts, row)
    const start = online && meter.epoch > 0 ? meter.paidReading : Number.NaN
    put(hours, row, now)
    put(starts, row, start)
    const units = start - before
    return isNext && !Number.isNaN(units) ? take(meter, row, now - 1, units) : undefined
  })
}

/** The highest value of an hour of day and its neighbours, but for so many exceptions. */
function highAround(usual: UsualHours, place: number, neighbours: number, exceptions: number) {
  const values: number[] = []
  for (let away = -neighbours; away <= neighbours; away++) {
    values.push(...usual((place + away + HOURS) % HOURS))
  }
  return values.toSorted((a, b) => b - a)[Math.min(exceptions, values.length - 1)] ?? 0
}

type UsualHours = (place: number) => readonly number[]

function meanOf(usual: UsualHours): number {
  const all = Array.from({ length: HOURS }, (_, place) => usual(place)).flat()
  return all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length)
}

/** A row for each meter that has been heard for an hour, as long as there are some. */
function baselineRows({ meters, baselines }: Memory) {
  const rowOf = meters.column(NO_ROW)
  meters.onForget((meter) => {
    const row = at(rowOf, meter)
    if (row >= 0) baselines.give(row)
    put(rowOf, meter, NO_ROW)
  })
  return (meter: number): number => {
    if (at(rowOf, meter) < 0) put(rowOf, meter, baselines.take())
    return at(rowOf, meter)
  }
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
  begin: ({ days, sigmas, neighbours, exceptions, share, mean, hours }, memory) => {
    const rowOf = baselineRows(memory)
    const usual = createRings(memory.baselines, HOURS, BASELINE_DAYS)
    const fresh = createSlots(memory.baselines, HOURS)
    const running = memory.baselines.column(0)
    return eachHour(memory.meters, ({ unit }, meter, hour, units) => {
      const row = rowOf(meter)
      if (row === NO_ROW) return undefined
      const place = hour % HOURS
      // What is judged by its neighbours must not be among them: an hour counts a day later.
      const yesterday = fresh.swap(row, place, units)
      if (yesterday !== undefined) usual.put(row, place, yesterday)
      const usualAt = (at: number) => usual.of(row, at)
      const values = usualAt(place)
      // Most hours are below what was seen before: then nothing else has to be looked at.
      const isHigh = values.length >= days && units > mean * baselineOf(values).median
      const { median, sigma } = isHigh ? baselineOf(values) : { median: 0, sigma: 0 }
      const isUnusual =
        isHigh &&
        units > median + sigmas * sigma &&
        units > (1 + share) * highAround(usualAt, place, neighbours, exceptions) &&
        units > mean * meanOf(usualAt)
      put(running, row, isUnusual ? at(running, row) + 1 : 0)
      return at(running, row) >= hours
        ? `in the hour from ${place}:00 UTC it took ${shown(units)} ${unit}; on ` +
            `${values.length} days the median was ${shown(median)}, and it strays by ` +
            `${shown(sigma)}`
        : undefined
    })
  },
})

export const risingFloor = defineRule({
  strongest: 'limit',
  about: 'the quietest hour of the day rises above what it was: something leaks or stays on',
  thresholds: {
    ...common,
    share: threshold(0.3, 'of the median', 'above it, where days hardly differ'),
    inARow: threshold(2, 'days', 'one after the other'),
  },
  begin: ({ days, sigmas, share, inARow }, { meters }) => {
    const floors = createRings(meters, 1, BASELINE_DAYS)
    const dayOf = meters.column(-1)
    const lowestOf = meters.column(Number.POSITIVE_INFINITY)
    const running = meters.column(0)
    const endDay = (unit: string, row: number) => {
      const values = floors.of(row, 0)
      const lowest = at(lowestOf, row)
      if (lowest !== Number.POSITIVE_INFINITY) floors.put(row, 0, lowest)
      const isKnown = values.length >= days && lowest !== Number.POSITIVE_INFINITY
      const { median, sigma } = isKnown ? baselineOf(values) : { median: 0, sigma: 0 }
      const bound = median + Math.max(sigmas * sigma, share * median)
      put(running, row, isKnown && lowest > bound ? at(running, row) + 1 : 0)
      return at(running, row) >= inARow
        ? `its quietest hour of the day took ${shown(lowest)} ${unit}; over ` +
            `${values.length} days the median was ${shown(median)}, and it strays by ` +
            `${shown(sigma)}`
        : undefined
    }
    return eachHour(meters, ({ unit }, row, hour, units) => {
      const today = Math.floor(hour / HOURS)
      let words: string | undefined
      if (today !== at(dayOf, row)) {
        if (at(dayOf, row) >= 0) words = endDay(unit, row)
        put(dayOf, row, today)
        put(lowestOf, row, Number.POSITIVE_INFINITY)
      }
      put(lowestOf, row, Math.min(at(lowestOf, row), units))
      return words
    })
  },
})
