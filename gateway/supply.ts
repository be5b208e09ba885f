/**
 * Whether a device may go on consuming: a pure function of what is known, most final reason first.
 * Supply never decides whether a valid word is accepted; a word is money whatever the answer here.
 * @module
 */
import type { Supply, SupplyReason } from '../protocol/reasons.ts'

/** Why a channel is held back by what its fleet ordered. */
export type OrderedReason = Extract<SupplyReason, 'paused' | 'over_limit' | 'price_ceiling'>

export type SupplyFacts = {
  readonly nowSeconds: number
  readonly closed: boolean
  readonly paused: boolean
  /** What the fleet has ordered beside its mandates: see gateway/policies/. */
  readonly ordered?: OrderedReason | undefined
  /** 0 when there is no mandate. */
  readonly mandateExpirySeconds: number
  /** Supply begins with the mandate, also for a gateway whose clock has gone back. */
  readonly mandateNotBeforeSeconds?: number
  /** 0 when nothing is committed. */
  readonly commitmentExpirySeconds: number
  /** The last checkpoint is older than the fence. */
  readonly fenced: boolean
  /** The session's words stay below the state it was given at its start. */
  readonly cloneSuspected: boolean
  /** Accepted since the day began, and what the credit window may add. */
  readonly spentToday: bigint
  readonly creditAmount: bigint
  readonly limitPerDay: bigint
  /** Cumulative amount that is held, and the mandate's ceiling of it. */
  readonly held: bigint
  readonly limit: bigint
  /** Units that the device itself reported beyond what is paid, and the credit window. */
  readonly unpaidUnits: bigint
  readonly creditUnits: bigint
  /** Free disk space is under its limit. */
  readonly spaceLow: boolean
}

export function decideSupply(facts: SupplyFacts): Supply {
  if (facts.closed) return { level: 'off', reason: 'closed' }
  if (facts.mandateExpirySeconds === 0) return { level: 'off', reason: 'no_mandate' }
  if (facts.paused || facts.ordered === 'paused') return { level: 'off', reason: 'paused' }
  if (facts.nowSeconds < (facts.mandateNotBeforeSeconds ?? 0)) {
    return { level: 'off', reason: 'mandate_not_yet' }
  }
  if (facts.nowSeconds >= facts.mandateExpirySeconds) {
    return { level: 'off', reason: 'mandate_expired' }
  }
  if (isPast(facts.commitmentExpirySeconds, facts.nowSeconds)) {
    return { level: 'off', reason: 'commitment_expired' }
  }
  if (facts.fenced) return { level: 'off', reason: 'fenced' }
  if (facts.cloneSuspected) return { level: 'off', reason: 'clone_suspected' }
  const { creditAmount } = facts
  if (
    facts.spentToday + creditAmount > facts.limitPerDay ||
    facts.held + creditAmount > facts.limit
  ) {
    return { level: 'off', reason: 'over_limit' }
  }
  if (facts.ordered) return { level: 'off', reason: facts.ordered }
  if (facts.unpaidUnits > facts.creditUnits) return { level: 'off', reason: 'not_paying' }
  if (facts.spaceLow) return { level: 'limited', reason: 'no_space' }
  return { level: 'on', reason: 'ok' }
}

function isPast(expirySeconds: number, nowSeconds: number): boolean {
  return expirySeconds > 0 && nowSeconds >= expirySeconds
}
