/**
 * How claims are cut into transactions: by gas, since a long tail costs as much as many short ones.
 * @module
 */
import type { Claim } from '../ledger.ts'

/** EIP-7825 allows 2^24 in a transaction; the rest is a margin for what we do not know. */
export const TRANSACTION_GAS_MAX = 15_000_000
/** Measured: at most 52,000 for a first P-256 claim, and 17,000 more with a leaf of a statement. */
const CLAIM_GAS = 75_000
const STEP_GAS = 300
/** The transaction itself, the token transfer and what all claims share. */
const FIXED_GAS = 200_000

export const gasOf = ({ index }: Pick<Claim, 'index'>): number => CLAIM_GAS + STEP_GAS * index

/** Indexes of claims, in their order; a transaction's worth each. */
export function batchesOf(
  claims: readonly Pick<Claim, 'index'>[],
  gasMax = TRANSACTION_GAS_MAX,
): readonly (readonly number[])[] {
  const batches: number[][] = []
  let left = 0
  claims.forEach((claim, index) => {
    const gas = gasOf(claim)
    if (batches.length === 0 || gas > left) {
      batches.push([])
      left = gasMax - FIXED_GAS
    }
    batches.at(-1)?.push(index)
    left -= gas
  })
  return batches
}

/** Both halves of a batch that failed as a whole: whatever poisons it is in one of them. */
export function halvesOf<T>(batch: readonly T[]): readonly [readonly T[], readonly T[]] {
  const middle = Math.ceil(batch.length / 2)
  return [batch.slice(0, middle), batch.slice(middle)]
}
