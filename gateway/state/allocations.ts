/**
 * Allocations as a gateway uses them: what its channels have reserved, and what they were paid.
 * @module
 */
import { assert, present } from '../../protocol/assert.ts'
import { reservedAmount } from './hotChannels.ts'
import type { AllocationUse, GatewayState } from './state.ts'

/** The allocation that a channel draws on. */
export function allocationOf(state: GatewayState, channel: number): AllocationUse {
  return present(state.allocations[state.hot.columns.allocation[channel] ?? 0], 'an allocation')
}

/** After a change of the channel, which had reserved `before`. */
export function adjustReserved(state: GatewayState, channel: number, before: bigint): void {
  const use = allocationOf(state, channel)
  use.reserved += reservedAmount(state.hot, channel) - before
  assert(use.reserved >= 0n, 'a reservation is never negative')
}

export function raisePaid(state: GatewayState, channel: number, amount: bigint): void {
  const paid = present(state.hot.columns.paid[channel], 'the channel exists')
  if (amount > paid) setPaid(state, channel, amount)
}

/** Only where the ledger itself has taken a payment back may the amount be lower than before. */
export function setPaid(state: GatewayState, channel: number, amount: bigint): void {
  const before = reservedAmount(state.hot, channel)
  state.hot.columns.paid[channel] = amount
  adjustReserved(state, channel, before)
}
