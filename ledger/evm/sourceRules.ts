/**
 * Two nodes that say different things about the same final block: one of them lies or is broken,
 * and nothing may be settled until a person knows which.
 * @module
 */

/** What one node says of a block that both call final. */
export type Testimony = {
  readonly chainId: string
  readonly block: number
  readonly hash: string
  /** The allocation, as the contract answers it at that block. */
  readonly state: string
}

/** A line for the operator; undefined where both agree. */
export function disagreement(first: Testimony, second: Testimony): string | undefined {
  if (first.chainId !== second.chainId) {
    return `they are of different chains, ${first.chainId} and ${second.chainId}`
  }
  if (first.hash !== second.hash) {
    return `block ${first.block} is ${first.hash} for the first and ${second.hash} for the second`
  }
  return first.state === second.state
    ? undefined
    : `at block ${first.block} they know different states of an allocation`
}
