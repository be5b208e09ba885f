/**
 * What to do next about a transaction that was sent: wait, pay more, or call it final. The chain
 * itself remembers what was sent, because a nonce is used once; so nothing here has to be durable.
 * @module
 */

export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

export type SendPolicy = {
  /** What a unit of gas may cost at most, in the chain's smallest units. */
  readonly feePerGasMax: bigint
  readonly priorityFeePerGas: bigint
  /** A transaction that is in no block after this long is replaced. */
  readonly replaceAfterMs: number
  /** From the first attempt; then the submission is given up. */
  readonly deadlineMs: number
  /** Blocks from the transaction's own to the head, both counted, that make it final. */
  readonly confirmations: number
}

/** Nodes refuse a replacement that pays less than 10 % more; some ask for 12.5 %. */
const BUMP_NUMERATOR = 1_125n
const BUMP_DENOMINATOR = 1_000n

export type Attempt = { readonly hash: string; readonly fees: Fees; readonly sentAtMs: number }

/** One nonce and everything sent under it. Any attempt may be the one that is mined. */
export type Sent = {
  readonly nonce: number
  readonly startedAtMs: number
  readonly attempts: readonly Attempt[]
}

/** What the node says now. */
export type Seen = {
  readonly nowMs: number
  readonly head: number
  readonly baseFeePerGas: bigint
  /** Transactions of the account that are in blocks. */
  readonly nonceNext: number
  /** Of the attempt that is in a block of the canonical chain, if one is. */
  readonly mined:
    | { readonly hash: string; readonly block: number; readonly succeeded: boolean }
    | undefined
}

export type Decision =
  | { readonly action: 'wait'; readonly stage: 'pending' | 'confirmed' }
  | { readonly action: 'send'; readonly fees: Fees }
  | { readonly action: 'final'; readonly hash: string; readonly succeeded: boolean }
  /** The nonce was used by a transaction that is none of ours: begin anew. */
  | { readonly action: 'foreign' }
  | { readonly action: 'give_up' }

/** Twice the base fee stands six full blocks; never above the cap. */
export function firstFees(policy: SendPolicy, baseFeePerGas: bigint): Fees {
  const { feePerGasMax, priorityFeePerGas } = policy
  const wanted = 2n * baseFeePerGas + priorityFeePerGas
  const maxFeePerGas = wanted < feePerGasMax ? wanted : feePerGasMax
  const tip = priorityFeePerGas < maxFeePerGas ? priorityFeePerGas : maxFeePerGas
  return { maxFeePerGas, maxPriorityFeePerGas: tip }
}

const bumped = (fee: bigint) => (fee * BUMP_NUMERATOR) / BUMP_DENOMINATOR + 1n

/** Undefined where a replacement would have to pay more than the cap. */
export function replacementFees(
  policy: SendPolicy,
  last: Fees,
  baseFeePerGas: bigint,
): Fees | undefined {
  const first = firstFees(policy, baseFeePerGas)
  const least = bumped(last.maxFeePerGas)
  if (least > policy.feePerGasMax) return undefined
  const tip = bumped(last.maxPriorityFeePerGas)
  const wanted = first.maxFeePerGas > least ? first.maxFeePerGas : least
  return { maxFeePerGas: wanted, maxPriorityFeePerGas: tip < wanted ? tip : wanted }
}

/** Blocks from its own to the head, both counted. */
export const depthOf = (block: number, head: number): number => Math.max(0, head - block + 1)

export function decide(policy: SendPolicy, sent: Sent, seen: Seen): Decision {
  const { mined, head, nowMs } = seen
  if (mined) {
    const { hash, succeeded, block } = mined
    const isFinal = depthOf(block, head) >= policy.confirmations
    return isFinal ? { action: 'final', hash, succeeded } : { action: 'wait', stage: 'confirmed' }
  }
  if (seen.nonceNext > sent.nonce) return { action: 'foreign' }
  const last = sent.attempts.at(-1)
  if (!last) return { action: 'send', fees: firstFees(policy, seen.baseFeePerGas) }
  if (nowMs - sent.startedAtMs >= policy.deadlineMs) return { action: 'give_up' }
  if (nowMs - last.sentAtMs < policy.replaceAfterMs) return { action: 'wait', stage: 'pending' }
  // At the cap the same is sent again: after a reorganisation the node may have forgotten it.
  return {
    action: 'send',
    fees: replacementFees(policy, last.fees, seen.baseFeePerGas) ?? last.fees,
  }
}

/** True once half of the time until the deadline is used up and nothing is in a block. */
export function isLate(policy: SendPolicy, sent: Sent, { nowMs, mined }: Seen): boolean {
  return !mined && nowMs - sent.startedAtMs >= policy.deadlineMs / 2
}
