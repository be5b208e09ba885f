/**
 * Gap pattern: a device that is connected pays as it consumes. One that shows nothing for a while
 * and then a lump larger than any credit window consumed without paying.
 * @module
 */

import { at, put } from '../rows.ts'
import { createBurst, defineRule, eachMeter, threshold } from '../rule.ts'

export const gaps = defineRule({
  about: 'ticks that come in lumps, or with gaps that are refused, while the device is connected',
  thresholds: {
    quietSeconds: threshold(10, 's', 'without a tick before a lump'),
    lumpTicks: threshold(24, 'ticks', 'in one round, after such a quiet'),
    lumps: threshold(2, 'lumps', 'so many'),
    refused: threshold(3, 'refusals', 'of ticks beyond a gap, or beyond the epoch'),
    windowSeconds: threshold(600, 's', 'within so long'),
  },
  begin: ({ quietSeconds, lumpTicks, lumps, refused, windowSeconds }, { devices, meters }) => {
    const isRefused = createBurst(devices, refused, windowSeconds)
    const isMany = createBurst(meters, Math.max(1, lumps - 1), windowSeconds)
    const counted = meters.column(0)
    const epochs = meters.column(Number.NaN)
    const indexes = meters.column(0)
    const sessions = meters.column(0)
    const moved = meters.column(0)
    const lumped = meters.column(0)
    const hasLumps = eachMeter(({ epoch, index }, row, { signs, online, atSeconds }) => {
      const isSame = online && at(sessions, row) === signs.session && at(epochs, row) === epoch
      const ticks = isSame ? index - at(indexes, row) : 0
      put(epochs, row, epoch)
      put(indexes, row, index)
      put(sessions, row, signs.session)
      // A load that was just switched on goes on; who pays in lumps is quiet again.
      const wasLump = isSame && at(lumped, row) === 1 && ticks === 0
      if (wasLump) put(counted, row, at(counted, row) + 1)
      const isQuiet = atSeconds - at(moved, row) > quietSeconds
      const isLump = isSame && isQuiet && ticks >= lumpTicks
      put(lumped, row, isLump ? 1 : 0)
      if (!isSame || ticks > 0) put(moved, row, atSeconds)
      return isMany(row, at(counted, row), atSeconds) && isLump
        ? `${lumps} times within ${windowSeconds} s it was connected and quiet, and then paid ` +
            `${lumpTicks} ticks or more at once`
        : undefined
    })
    return (seen, device, rows) => {
      const inLumps = hasLumps(seen, device, rows)
      return isRefused(device, seen.signs.gap_refused, seen.atSeconds)
        ? `${refused} ticks within ${windowSeconds} s were too far ahead`
        : inLumps
    }
  },
})
