/**
 * A rate limit that lets bursts through and then admits at a steady pace.
 * @module
 */
import { assert } from '../../protocol/assert.ts'

export type TokenBucket = {
  readonly perSecond: number
  readonly burst: number
  tokens: number
  /** Monotonic time of the last refill. */
  refilledMs: number
}

export function fullBucket(perSecond: number, burst: number, nowMs: number): TokenBucket {
  return { perSecond, burst, tokens: burst, refilledMs: nowMs }
}

/** Takes `cost` tokens and returns 0, or takes none and returns the milliseconds until it could. */
export function takeTokens(bucket: TokenBucket, cost: number, nowMs: number): number {
  assert(cost <= bucket.burst, 'a full bucket pays for anything')
  const gained = ((nowMs - bucket.refilledMs) * bucket.perSecond) / 1_000
  bucket.tokens = Math.min(bucket.burst, bucket.tokens + gained)
  bucket.refilledMs = nowMs
  if (bucket.tokens >= cost) {
    bucket.tokens -= cost
    return 0
  }
  return Math.ceil(((cost - bucket.tokens) * 1_000) / bucket.perSecond)
}
