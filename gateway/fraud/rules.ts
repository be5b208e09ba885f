/**
 * All rules of the watch, in one table: configuration, docs/fraud.md and the bench follow from it.
 * @module
 */
import type { Rule } from './rule.ts'
import { risingFloor, unusualHour } from './rules/baseline.ts'
import { badWords, clones, logins, newGateway } from './rules/counted.ts'
import { gaps } from './rules/gaps.ts'
import { meteredAgainstPaid, registerBackwards } from './rules/registers.ts'
import { power, velocity } from './rules/speed.ts'
import { silence, tariffMismatch } from './rules/terms.ts'

export const rules = {
  velocity,
  gaps,
  bad_words: badWords,
  clone: clones,
  logins,
  metered_against_paid: meteredAgainstPaid,
  register_backwards: registerBackwards,
  impossible_power: power,
  tariff_mismatch: tariffMismatch,
  silent_device: silence,
  new_gateway: newGateway,
  unusual_hour: unusualHour,
  rising_floor: risingFloor,
} as const satisfies Readonly<Record<string, Rule>>

export type RuleName = keyof typeof rules
export const ruleNames = Object.keys(rules) as readonly RuleName[]
