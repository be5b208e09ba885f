/**
 * Bugs to plant in the product, one at a time: one in each row of both check tables and in each
 * rule through which money was lost, doubled or stuck. A text that is no longer in its file makes
 * the list stale, and the run fails.
 * @module
 */
import { commitmentRows, tickRows } from './mutantsOfChecks.ts'
import { deviceRules, settlingRules } from './mutantsOfLater.ts'
import { durableRules, ledgerRules, payingRules, supplyRules } from './mutantsOfRules.ts'

export type Mutant = {
  readonly name: string
  /** What the product no longer obeys. */
  readonly rule: string
  readonly file: string
  readonly find: string
  readonly put: string
  /** The first seed that can catch it; 1 unless said otherwise. */
  readonly from?: number
  /** Seeds that are tried first. */
  readonly seeds?: readonly number[]
}

export const mutants: readonly Mutant[] = [
  ...tickRows,
  ...commitmentRows,
  ...payingRules,
  ...supplyRules,
  ...durableRules,
  ...ledgerRules,
  ...settlingRules,
  ...deviceRules,
]
