/**
 * Whether a device goes by the tariff that is in force, and whether it is there at all.
 * @module
 */
import { createBurst, defineRule, eachMeter, threshold } from '../rule.ts'

export const tariffMismatch = defineRule({
  about: 'ticks at a price that is no longer in force, or commitments to a price that never was',
  thresholds: {
    graceSeconds: threshold(30, 's', 'for a connected device to move to a new tariff'),
    refused: threshold(3, 'commitments', 'refused for their price or their tariff'),
    windowSeconds: threshold(600, 's', 'within so long'),
  },
  begin: ({ graceSeconds, refused, windowSeconds }) => {
    const isRefused = createBurst(refused, windowSeconds)
    const paysOther = eachMeter(() => {
      let last = { epoch: 0, index: 0 }
      let onlineSeconds = 0
      return ({ epoch, index, price, tariff }, { atSeconds, online }) => {
        const hasTicked = last.epoch === epoch && index > last.index
        last = { epoch, index }
        if (!online) onlineSeconds = atSeconds
        if (!hasTicked || !tariff) return undefined
        const isSame =
          price.pricePerTick === tariff.pricePerTick && price.unitsPerTick === tariff.unitsPerTick
        const sinceSeconds = Math.max(tariff.validFrom, onlineSeconds)
        if (isSame || atSeconds - sinceSeconds < graceSeconds) return undefined
        return (
          `it pays ${price.pricePerTick} for ${price.unitsPerTick} units; the tariff in force ` +
          `asks ${tariff.pricePerTick} for ${tariff.unitsPerTick}`
        )
      }
    })
    return (seen) => {
      const words = paysOther(seen)
      return isRefused(seen.signs.price_refused, seen.atSeconds)
        ? `${refused} commitments within ${windowSeconds} s named another price`
        : words
    }
  },
})

export const silence = defineRule({
  about: 'a device that was there and is no longer connected',
  thresholds: { silentSeconds: threshold(1_800, 's', 'without a connection') },
  begin: ({ silentSeconds }) => {
    let heardSeconds: number | undefined
    return ({ online, atSeconds }) => {
      if (online) heardSeconds = atSeconds
      if (heardSeconds === undefined || atSeconds - heardSeconds < silentSeconds) return undefined
      return `nothing was heard of it for ${Math.floor((atSeconds - heardSeconds) / 60)} minutes`
    }
  },
})
