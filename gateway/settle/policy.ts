/**
 * When a channel is settled: pure policy over what it owes and when its evidence runs out.
 * @module
 */

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

/** True when the channel belongs into the settlement that is formed now. */
export function isDue(owing: Owing, policy: SettlementPolicy, nowSeconds: number): boolean {
  if (owing.exposure <= 0n) return false
  if (owing.exposure >= policy.minimumAmount || owing.urgent) return true
  return owing.claimUntilSeconds - nowSeconds <= policy.expiryMarginSeconds
}
