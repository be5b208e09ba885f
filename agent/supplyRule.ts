/**
 * How far the meter may supply: up to the end of the credit window that acknowledged payment has
 * opened, and not at all when something forbids it. Pure.
 * @module
 */
import type { SupplyReason } from '../protocol/reasons.ts'
import type { CeilingReason } from './ownLimits.ts'

/** Why supply is limited or off; beside the gateway's reasons, the device's own. */
export type DeviceSupplyReason =
  | SupplyReason
  | CeilingReason
  /** The gateway has told nothing of this meter yet. */
  | 'no_channel'
  /** The first commitment is not accepted yet. */
  | 'opening'
  /** Supplied up to the end of the credit window; waiting for acknowledgement. */
  | 'credit_used'
  | 'own_price_limit'
  /** What the gateway claims to hold was never signed by this device. */
  | 'gateway_lied'
  /** No plausible reading. */
  | 'no_reading'
  | 'stopping'

/** Units on the reader's scale. */
export type SupplyDecision =
  | { readonly kind: 'off'; readonly reason: DeviceSupplyReason }
  | { readonly kind: 'on_until'; readonly units: bigint; readonly reason: DeviceSupplyReason }

export type SupplyFacts = {
  readonly reading: bigint | undefined
  /** What stands against supply whatever was paid. */
  readonly barrier: DeviceSupplyReason | undefined
  readonly gateway: { readonly level: 'off' | 'limited' | 'on'; readonly reason: SupplyReason }
  /** The reading up to which payment is acknowledged. */
  readonly paidReading: bigint
  readonly creditUnits: bigint
  /** The reading at which the next amount would pass a limit. */
  readonly ceilingReading: bigint | undefined
  readonly ceilingReason: CeilingReason
}

/** The order for the meter: the most final reason wins. */
export function decideSupply(facts: SupplyFacts): SupplyDecision {
  const { gateway, reading, ceilingReading } = facts
  if (facts.barrier) return { kind: 'off', reason: facts.barrier }
  if (gateway.level === 'off') return { kind: 'off', reason: gateway.reason }
  if (reading === undefined) return { kind: 'off', reason: 'no_reading' }
  const credit = gateway.level === 'on' ? facts.creditUnits : 0n
  const end = facts.paidReading + credit
  const capped = ceilingReading !== undefined && ceilingReading < end
  const units = capped ? ceilingReading : end
  if (units > reading) return { kind: 'on_until', units, reason: gateway.reason }
  if (capped) return { kind: 'off', reason: facts.ceilingReason }
  return { kind: 'off', reason: gateway.level === 'on' ? 'credit_used' : gateway.reason }
}
