/**
 * What a household takes from the line: a base, a refrigerator, appliances by the hour of day, in
 * some a car that is charged at night; days differ.
 * @module
 */
import type { Chance } from './dice.ts'

const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

/** Appliances begun in an hour, by hour of day. */
const BEGUN_AN_HOUR = [
  0.05, 0.03, 0.02, 0.02, 0.05, 0.3, 1.2, 1.5, 0.9, 0.6, 0.6, 1, 1.4, 0.9, 0.6, 0.6, 0.9, 1.6, 2,
  1.8, 1.3, 0.9, 0.5, 0.15,
]
/** Watts, and seconds for which they are taken. */
const APPLIANCES = [
  { watts: [1_800, 2_200], seconds: [120, 300] },
  { watts: [1_500, 2_300], seconds: [1_200, 4_500] },
  { watts: [600, 1_200], seconds: [300, 1_200] },
  { watts: [2_000, 7_000], seconds: [900, 2_700] },
  { watts: [60, 250], seconds: [3_600, 10_800] },
] as const

/** Watts at a time; times rise. */
export type Household = { readonly wattsAt: (seconds: number, stepSeconds: number) => number }

type Appliance = { readonly watts: number; readonly untilSeconds: number }

export function createHousehold(chance: Chance, carShare: number): Household {
  const base = chance.between(40, 220)
  const cooler = { watts: chance.between(60, 140), period: chance.between(1_800, 3_600) }
  const activity = chance.between(0.4, 1.6)
  const car = chance.happens(carShare) ? carOf(chance) : undefined
  let running: Appliance[] = []
  let day = -1
  let dayFactor = 1
  return {
    wattsAt: (seconds, stepSeconds) => {
      const today = Math.floor(seconds / DAY_SECONDS)
      if (today !== day) {
        day = today
        dayFactor = chance.between(0.6, 1.4)
        car?.plan(today)
      }
      const hour = Math.floor((seconds % DAY_SECONDS) / HOUR_SECONDS)
      const begun = ((BEGUN_AN_HOUR[hour] ?? 0) * activity * dayFactor * stepSeconds) / HOUR_SECONDS
      if (chance.happens(begun)) running.push(applianceOf(chance, seconds))
      if (running.length > 0) running = running.filter((one) => one.untilSeconds > seconds)
      const cooling = seconds % cooler.period < 0.4 * cooler.period ? cooler.watts : 0
      let watts = base + cooling + (car?.wattsAt(seconds) ?? 0)
      for (const one of running) watts += one.watts
      return watts * chance.between(0.95, 1.05)
    },
  }
}

function applianceOf(chance: Chance, seconds: number): Appliance {
  const one = APPLIANCES[chance.whole(0, APPLIANCES.length - 1)] ?? APPLIANCES[0]
  return {
    watts: chance.between(one.watts[0], one.watts[1]),
    untilSeconds: seconds + chance.between(one.seconds[0], one.seconds[1]),
  }
}

function carOf(chance: Chance) {
  const watts = [3_700, 7_400, 11_000][chance.whole(0, 2)] ?? 3_700
  const usualHour = chance.between(17, 25)
  const share = chance.between(0.3, 0.9)
  let from = 0
  let until = 0
  return {
    plan: (day: number) => {
      if (from > day * DAY_SECONDS || !chance.happens(share)) return
      from = day * DAY_SECONDS + (usualHour + chance.between(-2, 2)) * HOUR_SECONDS
      const next = from + chance.between(0.5, 4) * HOUR_SECONDS
      until = Math.max(until, next)
    },
    wattsAt: (seconds: number) => (seconds >= from && seconds < until ? watts : 0),
  }
}
