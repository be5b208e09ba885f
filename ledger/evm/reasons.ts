/**
 * The contract's reason codes in the words of the ledger.
 * @module
 */
import type { ClaimReason } from '../rules/claimRules.ts'
import type { StatementReason } from '../rules/statementRules.ts'

/** By code; code 0 is no refusal. The order is the contract's. */
const claimReasonsByCode: readonly (ClaimReason | undefined)[] = [
  undefined,
  'malformed',
  'position_taken',
  'mandate_early',
  'mandate_expired',
  'out_of_range',
  'not_evidence',
  'too_long_tail',
  'over_mandate',
  'bad_mandate_signature',
  'bad_commitment_signature',
  'wrong_leaf',
  'no_funds',
]

/** Undefined for 0; a code that this version does not know counts as `malformed`. */
export function claimReasonOf(code: number): ClaimReason | undefined {
  return code === 0 ? undefined : (claimReasonsByCode[code] ?? 'malformed')
}

/** The code of a reason that the contract gives. */
export const claimCodeOf = (reason: ClaimReason): number => claimReasonsByCode.indexOf(reason)

const statementReasonsKnown: readonly StatementReason[] = [
  'malformed',
  'unknown_allocation',
  'old_sequence',
  'expired',
  'evidence_differs',
  'no_funds',
  'bad_fleet_signature',
]

/** Undefined for a refusal that is not about the statement, such as a sender who may not. */
export const statementReasonOf = (refusal: string): StatementReason | undefined =>
  statementReasonsKnown.find((reason) => reason === refusal)
