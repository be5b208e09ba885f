/**
 * The hashes that one channel may cause: a token bucket as a pure function of time.
 * @module
 */
import { HASH_BUDGET_BURST, HASH_BUDGET_PER_SECOND } from './limits.ts'

/** `tokens` were left at `atMs` on a monotonic clock. */
export type HashBudget = { readonly tokens: number; readonly atMs: number }

export type BucketRate = { readonly perSecond: number; readonly burst: number }

export const defaultHashRate: BucketRate = {
  perSecond: HASH_BUDGET_PER_SECOND,
  burst: HASH_BUDGET_BURST,
}

/** What may be hashed now. */
export function hashesAllowed(budget: HashBudget, nowMs: number, rate = defaultHashRate): number {
  return tokensNow(budget.tokens, budget.atMs, nowMs, rate)
}

/** The same for a budget that is kept as two numbers. */
export function tokensNow(tokens: number, atMs: number, nowMs: number, rate: BucketRate): number {
  const refill = (Math.max(0, nowMs - atMs) * rate.perSecond) / 1_000
  return Math.min(rate.burst, tokens + refill)
}

/** The budget after `hashes` of them were spent. */
export function spendHashes(
  budget: HashBudget,
  hashes: number,
  nowMs: number,
  rate = defaultHashRate,
): HashBudget {
  return { tokens: Math.max(0, hashesAllowed(budget, nowMs, rate) - hashes), atMs: nowMs }
}
