/**
 * The hashes that large jumps of all channels together may cause. Each channel has a budget of its
 * own, but a thousand channels that jump in the same millisecond would hold up all others for a
 * quarter of a second. Ticks of devices that keep up never touch it.
 * @module
 */
import { tokensNow } from '../../protocol/hashBudget.ts'
import {
  JUMP_HASHES_BURST,
  JUMP_HASHES_PER_SECOND,
  SMALL_JUMP_TICKS_MAX,
} from '../../protocol/limits.ts'

const rate = { perSecond: JUMP_HASHES_PER_SECOND, burst: JUMP_HASHES_BURST }

export type JumpBudget = {
  /** Hashes that a jump of `steps` may cause now; without end for a small one. */
  readonly allowed: (steps: number, nowMs: number) => number
  /** Counts the hashes of a jump that was walked. */
  readonly spend: (steps: number, nowMs: number) => void
}

export function createJumpBudget(): JumpBudget {
  let tokens: number = rate.burst
  let atMs = 0
  return {
    allowed: (steps, nowMs) =>
      steps <= SMALL_JUMP_TICKS_MAX
        ? Number.POSITIVE_INFINITY
        : tokensNow(tokens, atMs, nowMs, rate),
    spend: (steps, nowMs) => {
      if (steps <= SMALL_JUMP_TICKS_MAX) return
      tokens = Math.max(0, tokensNow(tokens, atMs, nowMs, rate) - steps)
      atMs = nowMs
    },
  }
}
