import { describe, expect, test } from 'vitest'
import { verifyDigest } from '../../../protocol/keys.ts'
import type { MandateContext, MandateReason } from '../../../protocol/mandateRules.ts'
import { checkMandate, mandateReasons } from '../../../protocol/mandateRules.ts'
import type { Mandate } from '../../../protocol/structures.ts'
import { counting, mandate, nowSeconds } from '../../support/fixtures.ts'
import { mandateContext, signMandate } from '../../support/mandateCases.ts'

type Input = {
  readonly context: MandateContext
  readonly mandate: Mandate
  readonly signatureGood: boolean
}
const good: Input = { context: mandateContext(), mandate, signatureGood: true }
const verdict = (input: Input) =>
  checkMandate(
    input.context,
    { value: input.mandate, signature: new Uint8Array(64) },
    () => input.signatureGood,
  )
const fields = (input: Input, changes: Partial<Mandate>): Input => ({
  ...input,
  mandate: { ...input.mandate, ...changes },
})

/** One fault for each check after the decoding. */
const faults: readonly (readonly [MandateReason, (input: Input) => Input])[] = [
  ['unknown_channel', (one) => fields(one, { channelId: counting(1) })],
  [
    'old_sequence',
    (one) => ({
      ...one,
      context: { ...one.context, inForce: { ...mandate, sequence: mandate.sequence + 1 } },
    }),
  ],
  ['bad_signature', (one) => ({ ...one, signatureGood: false })],
  ['bad_window', (one) => fields(one, { notBefore: one.mandate.expiry })],
  ['expired', (one) => ({ ...one, context: { ...one.context, nowSeconds: mandate.expiry } })],
]

describe('the checks on a mandate', () => {
  test('an input with any set of faults gets the reason of the earliest', () => {
    expect(faults.map(([reason]) => reason)).toEqual(mandateReasons.slice(1))
    expect(verdict(good)).toBe('accepted')
    for (let set = 1; set < 1 << faults.length; set++) {
      const chosen = faults.filter((_, place) => set & (1 << place))
      expect(verdict(chosen.reduce((one, [, apply]) => apply(one), good))).toBe(chosen[0]?.[0])
    }
  })

  test('the highest sequence is in force', () => {
    const inForce = { ...good.context, inForce: { ...mandate, sequence: 7 } }
    const numbered = (sequence: number) => fields({ ...good, context: inForce }, { sequence })
    expect(verdict(numbered(6))).toBe('old_sequence')
    expect(verdict(numbered(7))).toBe('repeated')
    expect(verdict(fields(numbered(7), { limit: 1n }))).toBe('old_sequence')
    expect(verdict(numbered(8))).toBe('accepted')
    expect(verdict(numbered(Number.MAX_SAFE_INTEGER))).toBe('accepted')
  })

  test('claims end no earlier than the mandate', () => {
    expect(verdict(fields(good, { claimUntil: mandate.expiry }))).toBe('accepted')
    expect(verdict(fields(good, { claimUntil: mandate.expiry - 1 }))).toBe('bad_window')
    expect(verdict(fields(good, { notBefore: mandate.expiry - 1 }))).toBe('accepted')
  })

  test('it may begin later, and is expired from its expiry on', () => {
    expect(verdict(fields(good, { notBefore: nowSeconds + 60 }))).toBe('accepted')
    const at = (now: number) => ({ ...good, context: { ...good.context, nowSeconds: now } })
    expect(verdict(at(mandate.expiry - 1))).toBe('accepted')
    expect(verdict(at(mandate.expiry))).toBe('expired')
  })

  test("only the fleet's signer can give one", () => {
    const context = mandateContext()
    expect(checkMandate(context, signMandate(mandate), verifyDigest)).toBe('accepted')
    const altered = { ...signMandate(mandate), value: { ...mandate, limit: mandate.limit + 1n } }
    expect(checkMandate(context, altered, verifyDigest)).toBe('bad_signature')
  })
})
