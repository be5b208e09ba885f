/**
 * Waiting before the next connection to the broker: short after a good one, then ever longer, with
 * jitter, so that the gateways of a restarted broker do not come back at the same moment.
 * @module
 */
import type { Random } from '../../ports/index.ts'

const FIRST_MS = 250
const DELAY_MS_MAX = 30_000

/** Delay after `failures` failed connections in a row, the first being 1. */
export function reconnectDelayMs(failures: number, random: Random): number {
  const [high = 0, low = 0] = random.bytes(2)
  const share = (high * 256 + low) / 65_535
  const ceilingMs = Math.min(DELAY_MS_MAX, FIRST_MS * 2 ** Math.min(failures - 1, 10))
  return Math.round(ceilingMs / 2 + (share * ceilingMs) / 2)
}
