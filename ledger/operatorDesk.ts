/**
 * What an operator does at a ledger that keeps the books itself: the same words, rules and
 * references whether they are in the gateway's store or in a database.
 * @module
 */
import type { NewAllocation, PayOut } from './embedded/operator.ts'
import type { AllocationState } from './ledger.ts'

export type OperatorDesk = {
  /** Opens an allocation; one that is open with the same terms is left as it is. */
  readonly openAllocation: (wanted: NewAllocation) => Promise<AllocationState>
  /** Money from outside, set aside for an allocation. Repeatable by its reference. */
  readonly fund: (id: Uint8Array, amount: bigint, reference: string) => Promise<AllocationState>
  /** Money that the fleet holds already, set aside again. Repeatable by its reference. */
  readonly setAside: (id: Uint8Array, amount: bigint, reference: string) => Promise<AllocationState>
  /** Asks money back: gone for new reservations now, in the fleet's account after the notice. */
  readonly requestWithdrawal: (
    id: Uint8Array,
    amount: bigint,
    reference: string,
  ) => Promise<AllocationState>
  /** After the notice: to the fleet's account what claims have left; answers how much. */
  readonly completeWithdrawal: (id: Uint8Array, reference: string) => Promise<bigint>
  /** Records that money of a fleet, payee or gateway left the ledger. Repeatable. */
  readonly payOut: (payOut: PayOut) => Promise<void>
}
