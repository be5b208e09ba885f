/**
 * How fast a device pays and how fast it consumes: each has a bound that no honest one meets.
 * @module
 */

import { at, put } from '../rows.ts'
import { defineRule, eachMeter, shown, threshold } from '../rule.ts'

export const velocity = defineRule({
  about: 'more ticks in a short time than any device of this gateway has cause to show',
  thresholds: {
    ticks: threshold(300, 'ticks', 'so many'),
    windowSeconds: threshold(30, 's', 'within so long'),
  },
  begin: ({ ticks, windowSeconds }, { meters }) => {
    const from = meters.column(Number.NaN)
    const counted = meters.column(0)
    const epochs = meters.column(0)
    const indexes = meters.column(0)
    return eachMeter(({ epoch, index }, row, { atSeconds }) => {
      // A checkpoint may pay for a long outage: only what was shown tick by tick counts.
      const more = epoch === at(epochs, row) ? index - at(indexes, row) : index
      const isFirst = Number.isNaN(at(from, row))
      put(epochs, row, epoch)
      put(indexes, row, index)
      if (isFirst || atSeconds - at(from, row) >= windowSeconds) {
        put(from, row, atSeconds)
        put(counted, row, 0)
      }
      if (!isFirst) put(counted, row, at(counted, row) + more)
      return at(counted, row) > ticks
        ? `it showed ${at(counted, row)} ticks within ${windowSeconds} s; ${ticks} are the bound`
        : undefined
    })
  },
})

export const power = defineRule({
  about: 'more units a second than the line can carry',
  thresholds: {
    whPerSecond: threshold(25, 'Wh/s', 'of an electricity meter: 90 kW'),
    mlPerSecond: threshold(3_000, 'mL/s', 'of a water meter: 3 L/s'),
    kbPerSecond: threshold(125_000, 'kB/s', 'of a data meter: 1 Gbit/s'),
    secondsPerSecond: threshold(1.2, 's/s', 'of a meter of time'),
    windowSeconds: threshold(20, 's', 'as a mean over so long at least'),
  },
  begin: (limits, { meters }) => {
    const { whPerSecond, mlPerSecond, kbPerSecond, secondsPerSecond, windowSeconds } = limits
    const bounds = new Map([
      ['Wh', whPerSecond],
      ['mL', mlPerSecond],
      ['kB', kbPerSecond],
      ['s', secondsPerSecond],
    ])
    const readings = meters.column(0)
    const from = meters.column(Number.NaN)
    return eachMeter((meter, row, { atSeconds, online }) => {
      const { unit, paidReading, register, price, creditTicks } = meter
      if (!online || paidReading === 0) return undefined
      const reading = Math.max(paidReading, register ?? 0)
      const seconds = atSeconds - at(from, row)
      // From the last time it was heard of: what an outage held back is spread over it. At first
      // there is no such time, and what follows from it is no number and above no bound.
      if (seconds < windowSeconds) return undefined
      const units = reading - at(readings, row) - creditTicks * price.unitsPerTick
      put(readings, row, reading)
      put(from, row, atSeconds)
      const bound = bounds.get(unit) ?? Number.POSITIVE_INFINITY
      return units / seconds > bound
        ? `it consumed ${shown(units / seconds)} ${unit}/s over ${shown(seconds)} s, and the ` +
            `line carries ${shown(bound)}`
        : undefined
    })
  },
})
