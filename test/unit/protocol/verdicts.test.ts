import { describe, expect, test } from 'vitest'
import { verifyDigest } from '../../../protocol/keys.ts'
import { checkMandate } from '../../../protocol/mandateRules.ts'
import { commitmentReasons, connectReasons, tickReasons } from '../../../protocol/reasons.ts'
import { commitmentCases, commitmentVerdict } from '../../support/commitmentCases.ts'
import { connectCases } from '../../support/connectCases.ts'
import { mandateCases } from '../../support/mandateCases.ts'
import { connectVerdict } from '../../support/vectors/connect.ts'
import { verdictCases, verdictOf } from '../../support/vectors/ticks.ts'

describe('every verdict of the tables', () => {
  test.each(verdictCases)('tick: $verdict: $why', (one) => {
    expect(verdictOf(one)).toBe(one.verdict)
  })
  test.each(commitmentCases)('commitment: $verdict: $why', (one) => {
    expect(commitmentVerdict(one)).toBe(one.verdict)
  })
  test.each(mandateCases)('mandate: $verdict: $why', (one) => {
    expect(checkMandate(one.context, one.signed, verifyDigest)).toBe(one.verdict)
  })
  test.each(connectCases)('connect: $verdict: $why', (one) => {
    expect(connectVerdict(one)).toBe(one.verdict)
  })
})

describe('every reason of the tables has a case', () => {
  test('ticks', () => {
    const seen = new Set<string>(['malformed', 'unknown_channel'])
    for (const one of verdictCases) seen.add(one.verdict)
    expect([...seen]).toEqual(expect.arrayContaining(Object.keys(tickReasons)))
  })
  test('commitments', () => {
    const seen = commitmentCases.map((one) => one.verdict)
    expect(seen).toEqual(expect.arrayContaining(Object.keys(commitmentReasons)))
  })
  test('logins', () => {
    const seen = connectCases.map((one) => one.verdict)
    const byCredential = 'bad_credential'
    expect(seen).toEqual(
      expect.arrayContaining(connectReasons.filter((one) => one !== byCredential)),
    )
  })
})
