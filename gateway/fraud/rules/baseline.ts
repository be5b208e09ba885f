/**
 * What is usual for a device: the median of the same hour of day over 14 days, and how far hours
 * stray from it. Advice, not proof: it may ask for a look or lower a limit, and stops nothing.
 * @module
 */
import type { MeterObservation } from '../observation.ts'
import { createDayHours, createRings, createSlots } from '../rings.ts'
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

/** Of a usual hour that stood out: the next highest is what is usual. */
const PEAK_EXCEPTIONS = 1
/** An appliance that begins late runs into the next hour. */
const PEAK_NEIGHBOURS = 1

type UsualHours = (hour: number) => readonly number[]

/** The highest value around an hour of day, but for so many exceptions. */
function highAround(usual: UsualHours, hour: number, neighbours: number, exceptions: number) {
  const values: number[] = []
  for (let away = -neighbours; away <= neighbours; away++) {
    values.push(...usual((hour + away + HOURS) % HOURS))
  }
  return values.toSorted((a, b) => b - a)[Math.min(exceptions, values.length - 1)] ?? 0
}

function meanOf(usual: UsualHours): number {
  const all = Array.from({ length: HOURS }, (_, hour) => usual(hour)).flat()
  return all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length)
}

/** The lowest of the last `count` hours, once there were so many one after the other. */
function lowestOfLast(rows: Rows, count: number) {
  const newest = createRings(rows, 1, count)
  const heard = rows.column(0)
  const last = rows.column(-1)
  return (row: number, hour: number, units: number): number => {
    put(heard, row, hour === at(last, row) + 1 ? at(heard, row) + 1 : 1)
    put(last, row, hour)
    newest.put(row, 0, units)
    return at(heard, row) >= count ? Math.min(...newest.of(row, 0)) : 0
  }
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
    hours: threshold(3, 'hours', 'one after the other, of which the lowest is looked at'),
    neighbours: threshold(3, 'hours', 'before and after, in which it looks for two such hours'),
    exceptions: threshold(2, 'times', 'that are left out of these as exceptions'),
    share: threshold(0.9, 'of what two hours in a row both reached there', 'to be above it'),
    peakShare: threshold(0.2, 'of the highest hour beside it, but for one', 'to be above it'),
    mean: threshold(1.5, 'mean hours', 'of the same days, that it must exceed as well'),
  },
  begin: ({ days, sigmas, hours, neighbours, exceptions, share, peakShare, mean }, memory) => {
    const rowOf = baselineRows(memory)
    const usual = createDayHours(memory.baselines, BASELINE_DAYS)
    const fresh = createSlots(memory.baselines, HOURS)
    const lowestOf = lowestOfLast(memory.baselines, hours)
    const isAboveAll = (row: number, place: number, units: number) => {
      const singles: UsualHours = (hour) => usual.of(row, hour)
      const pairs: UsualHours = (hour) => usual.pairs(row, hour)
      return (
        units > (1 + share) * highAround(pairs, place, neighbours, exceptions) &&
        units > (1 + peakShare) * highAround(singles, place, PEAK_NEIGHBOURS, PEAK_EXCEPTIONS) &&
        units > mean * meanOf(singles)
      )
    }
    return eachHour(memory.meters, ({ unit }, meter, hour, units) => {
      const row = rowOf(meter)
      if (row === NO_ROW) return undefined
      const place = hour % HOURS
      // What is judged by its neighbours must not be among them: an hour counts a day later.
      const yesterday = fresh.swap(row, place, units)
      if (yesterday !== undefined) usual.put(row, Math.floor(hour / HOURS) - 1, place, yesterday)
      const lowest = lowestOf(row, hour, units)
      const values = usual.of(row, place)
      if (lowest === 0 || values.length < days) return undefined
      const { median, sigma } = baselineOf(values)
      // Most hours are below what was seen before: then nothing else has to be looked at.
      const isHigh = lowest > mean * median && lowest > median + sigmas * sigma
      return isHigh && isAboveAll(row, place, lowest)
        ? `in each of the ${hours} hours before ${place + 1}:00 UTC it took ${shown(lowest)} ` +
            `${unit} or more; on ${values.length} days the median of the last of them was ` +
            `${shown(median)}, and it strays by ${shown(sigma)}`
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
