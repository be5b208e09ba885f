/**
 * What the ledger says is available, kept at hand so that no commitment waits for a look-up.
 * @module
 */

import type { AllocationState, Ledger } from '../../ledger/ledger.ts'
import type { Cancel } from '../../ports/index.ts'
import { bytesToHex } from '../../protocol/bytes.ts'

export type FundsView = {
  /** What new reservations may count on; 0 for an allocation the ledger does not know. */
  readonly available: (allocation: Uint8Array) => bigint
  readonly state: (allocation: Uint8Array) => AllocationState | undefined
  readonly load: (allocation: Uint8Array) => Promise<void>
  readonly close: Cancel
}

export function followFunds(ledger: Ledger): FundsView {
  const states = new Map<string, AllocationState>()
  const close = ledger.follow(({ allocation }) => states.set(bytesToHex(allocation.id), allocation))
  const state = (id: Uint8Array) => states.get(bytesToHex(id))
  return {
    available: (id) => state(id)?.available ?? 0n,
    state,
    load: async (id) => {
      const known = await ledger.allocation(id)
      if (known) states.set(bytesToHex(id), known)
    },
    close,
  }
}
