/**
 * How fast a device pays and how fast it consumes: each has a bound that no honest one meets.
 * @module
 */
import { defineRule, eachMeter, shown, threshold } from '../rule.ts'

export const velocity = defineRule({
  about: 'more ticks in a short time than any device of this gateway has cause to show',
  thresholds: {
    ticks: threshold(300, 'ticks', 'so many'),
    windowSeconds: threshold(30, 's', 'within so long'),
  },
  begin: ({ ticks, windowSeconds }) =>
    eachMeter(() => {
      let fromSeconds: number | undefined
      let counted = 0
      let last = { epoch: 0, index: 0 }
      return ({ epoch, index }, { atSeconds }) => {
        // A checkpoint may pay for a long outage: only what was shown tick by tick counts.
        const more = epoch === last.epoch ? index - last.index : index
        const isFirst = fromSeconds === undefined
        last = { epoch, index }
        if (isFirst || atSeconds - (fromSeconds ?? 0) >= windowSeconds) {
          fromSeconds = atSeconds
          counted = 0
        }
        if (!isFirst) counted += more
        return counted > ticks
          ? `it showed ${counted} ticks within ${windowSeconds} s; ${ticks} are the bound`
          : undefined
      }
    }),
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
  begin: ({ whPerSecond, mlPerSecond, kbPerSecond, secondsPerSecond, windowSeconds }) => {
    const bounds = new Map([
      ['Wh', whPerSecond],
      ['mL', mlPerSecond],
      ['kB', kbPerSecond],
      ['s', secondsPerSecond],
    ])
    return eachMeter(() => {
      let from: { readonly reading: number; readonly atSeconds: number } | undefined
      return ({ unit, paidReading, register, price, creditTicks }, { atSeconds, online }) => {
        if (!online || paidReading === 0) return undefined
        const reading = Math.max(paidReading, register ?? 0)
        // From the last time it was heard of: what an outage held back is spread over it.
        if (!from) {
          from = { reading, atSeconds }
          return undefined
        }
        const seconds = atSeconds - from.atSeconds
        if (seconds < windowSeconds) return undefined
        const units = reading - from.reading - creditTicks * price.unitsPerTick
        const bound = bounds.get(unit) ?? Number.POSITIVE_INFINITY
        from = { reading, atSeconds }
        return units / seconds > bound
          ? `it consumed ${shown(units / seconds)} ${unit}/s over ${shown(seconds)} s, and the ` +
              `line carries ${shown(bound)}`
          : undefined
      }
    })
  },
})
