/**
 * Gap pattern: a device that is connected pays as it consumes. One that shows nothing for a while
 * and then a lump larger than any credit window consumed without paying.
 * @module
 */
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
  begin: ({ quietSeconds, lumpTicks, lumps, refused, windowSeconds }) => {
    const isRefused = createBurst(refused, windowSeconds)
    const hasLumps = eachMeter(() => {
      const isMany = createBurst(Math.max(1, lumps - 1), windowSeconds)
      let counted = 0
      let before: { epoch: number; index: number; session: number } | undefined
      let movedSeconds = 0
      let isLump = false
      return ({ epoch, index }, { signs, online, atSeconds }) => {
        const last = before
        before = { epoch, index, session: signs.session }
        const isSame = online && last?.session === signs.session && last.epoch === epoch
        const ticks = isSame ? index - last.index : 0
        // A load that was just switched on goes on; who pays in lumps is quiet again.
        if (isSame && isLump && ticks === 0) counted += 1
        const isQuiet = atSeconds - movedSeconds > quietSeconds
        isLump = isSame && isQuiet && ticks >= lumpTicks
        if (!isSame || ticks > 0) movedSeconds = atSeconds
        return isMany(counted, atSeconds) && isLump
          ? `${lumps} times within ${windowSeconds} s it was connected and quiet, and then paid ` +
              `${lumpTicks} ticks or more at once`
          : undefined
      }
    })
    return (seen) => {
      const lumped = hasLumps(seen)
      return isRefused(seen.signs.gap_refused, seen.atSeconds)
        ? `${refused} ticks within ${windowSeconds} s were too far ahead`
        : lumped
    }
  },
})
