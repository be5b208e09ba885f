/**
 * Whether a device goes by the tariff that is in force, and whether it is there at all.
 * @module
 */

import { at, put } from '../rows.ts'
import { createBurst, defineRule, eachMeter, threshold } from '../rule.ts'

export const tariffMismatch = defineRule({
  about: 'ticks at a price that is no longer in force, or commitments to a price that never was',
  thresholds: {
    graceSeconds: threshold(30, 's', 'for a connected device to move to a new tariff'),
    refused: threshold(3, 'commitments', 'refused for their price or their tariff'),
    windowSeconds: threshold(600, 's', 'within so long'),
  },
  begin: ({ graceSeconds, refused, windowSeconds }, { devices, meters }) => {
    const isRefused = createBurst(devices, refused, windowSeconds)
    const epochs = meters.column(0)
    const indexes = meters.column(0)
    const onlineSeconds = meters.column(0)
    const paysOther = eachMeter(({ epoch, index, price, tariff }, row, { atSeconds, online }) => {
      const hasTicked = at(epochs, row) === epoch && index > at(indexes, row)
      put(epochs, row, epoch)
      put(indexes, row, index)
      if (!online) put(onlineSeconds, row, atSeconds)
      if (!hasTicked || !tariff) return undefined
      const isSame =
        price.pricePerTick === tariff.pricePerTick && price.unitsPerTick === tariff.unitsPerTick
      const sinceSeconds = Math.max(tariff.validFrom, at(onlineSeconds, row))
      if (isSame || atSeconds - sinceSeconds < graceSeconds) return undefined
      return (
        `it pays ${price.pricePerTick} for ${price.unitsPerTick} units; the tariff in force ` +
        `asks ${tariff.pricePerTick} for ${tariff.unitsPerTick}`
      )
    })
    return (seen, device, rows) => {
      const words = paysOther(seen, device, rows)
      return isRefused(device, seen.signs.price_refused, seen.atSeconds)
        ? `${refused} commitments within ${windowSeconds} s named another price`
        : words
    }
  },
})

export const silence = defineRule({
  about: 'a device that was there and is no longer connected',
  thresholds: { silentSeconds: threshold(1_800, 's', 'without a connection') },
  begin: ({ silentSeconds }, { devices }) => {
    const heard = devices.column(Number.NaN)
    return ({ online, atSeconds }, device) => {
      if (online) put(heard, device, atSeconds)
      const seconds = atSeconds - at(heard, device)
      if (!(seconds >= silentSeconds)) return undefined
      return `nothing was heard of it for ${Math.floor(seconds / 60)} minutes`
    }
  },
})
