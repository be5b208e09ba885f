/**
 * Vectors of the checks on commitments and mandates.
 * @module
 */

import { verifyDigest } from '../../../protocol/keys.ts'
import { checkMandate } from '../../../protocol/mandateRules.ts'
import { commitmentCases, commitmentVerdict } from '../commitmentCases.ts'
import { mandateCases } from '../mandateCases.ts'
import { formatFile, toJson } from './json.ts'

export function commitmentVectors(): string {
  return formatFile({
    about: [
      'Section 9.1 and 10. context: what the gateway knows; tariff: the one that tariffHash',
      'names and this gateway published, or null; held: commitment and index; free: what the',
      'allocation has left beyond all reservations.',
    ],
    commitments: commitmentCases.map((one) => ({
      why: one.why,
      context: toJson(one.context),
      commitment: toJson(one.signed),
      verdict: commitmentVerdict(one),
    })),
    mandates: mandateCases.map((one) => ({
      why: one.why,
      context: toJson(one.context),
      mandate: toJson(one.signed),
      verdict: checkMandate(one.context, one.signed, verifyDigest),
    })),
  })
}
