/**
 * When a channel is settled, in which way, and what is tried again when: pure policy over what is
 * owed, when its evidence runs out and what the ledger said.
 * @module
 */
import { CLOCK_TOLERANCE_SECONDS } from '../../protocol/limits.ts'

export type SettlementPolicy = {
  readonly minimumAmount: bigint
  readonly expiryMarginSeconds: number
}

export type Owing = {
  /** Accepted and not yet paid by the ledger. */
  readonly exposure: bigint
  /** Closed, or beyond what the mandate in force proves. */
  readonly urgent: boolean
  readonly claimUntilSeconds: number
}

/** `all`: whatever is owed, however little. */
export type Scope = 'due' | 'all'

/** True when the channel belongs into the settlement that is formed now. */
export function isDue(
  owing: Owing,
  policy: SettlementPolicy,
  nowSeconds: number,
  scope: Scope = 'due',
): boolean {
  if (owing.exposure <= 0n) return false
  if (scope === 'all' || owing.exposure >= policy.minimumAmount || owing.urgent) return true
  return owing.claimUntilSeconds - nowSeconds <= policy.expiryMarginSeconds
}

/** The parts of the configuration that say when. */
export type SettlementTimes = {
  readonly periodSeconds: number
  readonly expiryMarginSeconds: number
  /** How long a fleet has to co-sign; 0 or absent: no statement is made. */
  readonly cosignSeconds?: number | undefined
  /** Little is settled too when it is so old; 0 or absent: it waits for its minimum. */
  readonly ageSeconds?: number | undefined
}

/**
 * What the run at `nowSeconds` settles. Everything that is owed belongs to the first run after each
 * whole multiple of `ageSeconds`, so that no debt is older than that and one period, and nothing
 * has to be remembered for each channel.
 */
export function scopeOf(
  { ageSeconds = 0 }: Pick<SettlementTimes, 'ageSeconds'>,
  lastRunSeconds: number,
  nowSeconds: number,
): Scope {
  if (ageSeconds === 0) return 'due'
  const age = (seconds: number) => Math.floor(seconds / ageSeconds)
  return age(nowSeconds) > age(lastRunSeconds) ? 'all' : 'due'
}

/**
 * True when evidence with `steps` hash steps costs its ledger more than a checkpoint in its place.
 * @param cheapTail as the ledger says; absent where steps cost nothing
 */
export function hasDearTail(steps: number, cheapTail: number | undefined): boolean {
  return cheapTail !== undefined && steps > cheapTail
}

/** True when so much is owed that settlement does not wait for its period. */
export function isBroughtForward(exposure: bigint, exposureMax: bigint): boolean {
  return exposureMax > 0n && exposure >= exposureMax
}

/** From a statement to the evidence in its place: the fleet's time, clocks, and one second. */
function cosignWaitSeconds({ cosignSeconds = 0 }: Pick<SettlementTimes, 'cosignSeconds'>): number {
  return cosignSeconds === 0 ? 0 : cosignSeconds + CLOCK_TOLERANCE_SECONDS + 1
}

/**
 * A statement settles nothing that a fleet does not co-sign, and keeps evidence back meanwhile. So
 * none is begun where a claim might run out before the period after it.
 * @param claimUntilSeconds the first end of a claim window of what is due that is still to come
 */
export function pathOf(
  times: SettlementTimes,
  claimUntilSeconds: number,
  nowSeconds: number,
): 'statement' | 'claims' {
  if ((times.cosignSeconds ?? 0) === 0) return 'claims'
  const leftSeconds = claimUntilSeconds - nowSeconds
  return leftSeconds > cosignWaitSeconds(times) + times.periodSeconds ? 'statement' : 'claims'
}

const RETRY_FIRST_SECONDS = 15
const RETRY_MAX_SECONDS = 300

/** Until a settlement that failed as a whole is tried again; `failures` in a row, from 1. */
export function retrySeconds(failures: number, periodSeconds: number): number {
  const delay = RETRY_FIRST_SECONDS * 2 ** Math.min(failures - 1, 10)
  return Math.min(delay, RETRY_MAX_SECONDS, periodSeconds)
}

/**
 * How long a ledger may be away, at the worst moment, without a claim running out: what is due by
 * its margin is found within a period, may wait for a statement, and is shown again within one
 * delay after the ledger is back.
 */
export function outageSecondsMax(times: SettlementTimes): number {
  const { periodSeconds, expiryMarginSeconds } = times
  const delay = Math.min(RETRY_MAX_SECONDS, periodSeconds)
  return Math.max(0, expiryMarginSeconds - periodSeconds - delay - cosignWaitSeconds(times))
}

/** Why an item is in quarantine, where the ledger's own reason does not say it. */
export const LEDGER_FAILED = 'ledger_failed'
export const NO_EVIDENCE = 'no_evidence'

/** Refusals that may pass by themselves, and what an operator does about each of the others. */
const passing: Readonly<Record<string, string>> = {
  no_funds: 'the fleet has to set aside more; tried again with each period',
  no_leaf: 'the statement in force is not known here; it is asked for, then tried again',
  wrong_leaf: 'the statement in force is not known here; it is asked for, then tried again',
  [LEDGER_FAILED]: 'the ledger failed on this claim: see the log; tried again with each period',
}
const otherPaidThere = "another channel is paid at its position: replace the device's meter"
const lasting: Readonly<Record<string, string>> = {
  foreign_leaf: otherPaidThere,
  position_taken: otherPaidThere,
  mandate_expired: 'its claim window is over: ask the fleet for a new mandate',
  over_mandate: 'the mandate allows less: ask the fleet for a higher limit',
  [NO_EVIDENCE]: 'the store does not hold its evidence: verify the store, restore a backup',
}
const lastingUsual = 'verify the store; after a repair use "tickpay settle --retry"'

/** True when a period passes before an item with this refusal is shown again, and no more. */
export function isTriedAgain(reason: string): boolean {
  return Object.hasOwn(passing, reason)
}

/** What the operator does about an item in quarantine, in one line. */
export function adviceFor(reason: string): string {
  return passing[reason] ?? lasting[reason] ?? lastingUsual
}
