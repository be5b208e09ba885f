/**
 * Waiting before the next connection: a quick first try, then exponential with full jitter, so
 * that ten thousand devices do not come back at the same moment.
 * @module
 */
import type { Random } from '../ports/index.ts'

const FIRST_MS = 500
const BASE_MS = 1_000
const DELAY_MS_MAX = 60_000

/** Delay after `failures` failed connections in a row, the first being 1. */
export function retryDelayMs(failures: number, random: Random): number {
  const [a = 0, b = 0] = random.bytes(2)
  const share = (a * 256 + b) / 65_535
  if (failures <= 1) return FIRST_MS + Math.round(share * FIRST_MS)
  const ceilingMs = Math.min(DELAY_MS_MAX, BASE_MS * 2 ** Math.min(failures - 1, 10))
  return Math.max(FIRST_MS, Math.round(share * ceilingMs))
}
