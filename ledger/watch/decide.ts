/**
 * What a watcher shows the ledger when: pure policy over the evidence that it holds, what the
 * ledger has said of it, and what the fleet has announced.
 * @module
 */
import type { AllocationState, Claim } from '../ledger.ts'

export type WatchPolicy = {
  /** Evidence is shown this long before it, or the money for it, is gone. */
  readonly marginSeconds: number
  /** How long the gateway has to correct a settlement that is older than what is held. */
  readonly staleSeconds: number
  /** Until evidence that was refused is shown again. */
  readonly retrySeconds: number
}

/** The evidence of one channel, and what is known of it. */
export type Held = {
  readonly claim: Claim
  /** Minor units that it states, since the channel was opened. */
  readonly amount: bigint
  /** Up to where the ledger said that the channel is settled; 0 before it was asked. */
  readonly settled: bigint
  /** What was held when somebody settled last, until the ledger says that it is paid. */
  readonly doubt?: { readonly claim: Claim; readonly sinceSeconds: number }
  readonly refusal?: { readonly reason: string; readonly atSeconds: number }
}

/** In the order in which they are looked for. */
export const watchReasons = ['withdrawal', 'claim_until', 'stale_settlement', 'asked'] as const
export type WatchReason = (typeof watchReasons)[number]

export type Due = {
  readonly reason: WatchReason
  readonly claim: Claim
  /** When it would be too late, in seconds since 1970. */
  readonly endsAtSeconds: number
}

/** `all`: whatever is not settled yet, because somebody asked for it. */
export type WatchScope = 'due' | 'all'

const claimUntilOf = ({ claim }: Held): number => claim.mandate.value.claimUntil

/** When the first money leaves the allocation; undefined where none was asked back. */
export function leavesAtSeconds({
  withdrawing,
}: Pick<AllocationState, 'withdrawing'>): number | undefined {
  if (withdrawing.length === 0) return undefined
  return Math.min(...withdrawing.map(({ availableAtSeconds }) => availableAtSeconds))
}

/** True when the ledger pays nothing for it any more, and had not paid it. */
export function isLost(held: Held, nowSeconds: number): boolean {
  return held.settled < held.amount && nowSeconds > claimUntilOf(held)
}

/** What is shown for a channel now; undefined when nothing is. */
export function dueNow(
  held: Held,
  allocation: Pick<AllocationState, 'withdrawing'>,
  policy: WatchPolicy,
  nowSeconds: number,
  scope: WatchScope = 'due',
): Due | undefined {
  const { claim, amount, settled, refusal } = held
  if (settled >= amount || isLost(held, nowSeconds)) return undefined
  if (refusal && nowSeconds < refusal.atSeconds + policy.retrySeconds && scope !== 'all') {
    return undefined
  }
  const claimUntil = claimUntilOf(held)
  const leavesAt = leavesAtSeconds(allocation) ?? Number.POSITIVE_INFINITY
  const isNear = (endsAt: number) => nowSeconds >= endsAt - policy.marginSeconds
  const endsAtSeconds = Math.min(leavesAt, claimUntil)
  if (isNear(leavesAt)) return { reason: 'withdrawal', claim, endsAtSeconds }
  if (isNear(claimUntil)) return { reason: 'claim_until', claim, endsAtSeconds }
  if (held.doubt && nowSeconds >= held.doubt.sinceSeconds + policy.staleSeconds) {
    return { reason: 'stale_settlement', claim: held.doubt.claim, endsAtSeconds }
  }
  return scope === 'all' ? { reason: 'asked', claim, endsAtSeconds } : undefined
}

/** When something will be due for a channel, if nothing happens before; undefined for nothing. */
export function dueAtSeconds(
  held: Held,
  allocation: Pick<AllocationState, 'withdrawing'>,
  policy: WatchPolicy,
): number | undefined {
  if (held.settled >= held.amount) return undefined
  const leavesAt = leavesAtSeconds(allocation) ?? Number.POSITIVE_INFINITY
  const first = Math.min(leavesAt, claimUntilOf(held)) - policy.marginSeconds
  const doubtEnds = held.doubt && held.doubt.sinceSeconds + policy.staleSeconds
  const wanted = Math.min(first, doubtEnds ?? Number.POSITIVE_INFINITY)
  return held.refusal ? Math.max(wanted, held.refusal.atSeconds + policy.retrySeconds) : wanted
}
