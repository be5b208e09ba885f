/**
 * Where the books and the ledger may tell different stories: after a restore, after a chain took
 * blocks back, and at every start. Kept in memory; a start doubts everything.
 * @module
 */
import type { AllocationState, LedgerEvent } from '../../ledger/ledger.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { Statement } from '../../protocol/structures.ts'
import type { GatewayState } from '../state/state.ts'

export type Doubts = {
  /** Allocations, in hex, that have to be compared with the ledger before they settle. */
  readonly doubtful: Set<string>
  /** The ledger goes by a statement whose leaves are not here: nothing can be proved to it. */
  readonly forgotten: Map<string, AllocationState>
  /** Every channel has to be shown once, for only the ledger knows what each was paid. */
  readonly shownAgain: Set<string>
}

export function newDoubts({ allocations }: GatewayState): Doubts {
  return {
    doubtful: new Set(allocations.map(({ id }) => bytesToHex(id))),
    forgotten: new Map(),
    shownAgain: new Set(),
  }
}

/** True when the ledger goes by the statement that the books have in force, or both by none. */
export function isSameStatement(
  inForce: Statement | undefined,
  { statementSequence, statementRoot }: AllocationState,
): boolean {
  if (!inForce) return statementSequence === 0
  return inForce.sequence === statementSequence && equalBytes(inForce.root, statementRoot)
}

/**
 * True when something was taken back: the ledger has paid less than it told before, or goes by an
 * earlier statement than the books.
 */
export function isTakenBack(
  { allocation }: LedgerEvent,
  before: AllocationState | undefined,
  inForce: Statement | undefined,
): boolean {
  if (before && allocation.paid < before.paid) return true
  return allocation.statementSequence < (inForce?.sequence ?? 0)
}
