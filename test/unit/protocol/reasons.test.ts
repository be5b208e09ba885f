import { describe, expect, test } from 'vitest'
import {
  commitmentReasons,
  connectReasons,
  consequenceOf,
  supplyLevels,
  supplyReasons,
  tickReasons,
} from '../../../protocol/reasons.ts'

describe('the closed list of reasons', () => {
  test('a reason that stands in both tables has one consequence', () => {
    for (const reason of Object.keys(tickReasons) as (keyof typeof tickReasons)[]) {
      if (!(reason in commitmentReasons)) continue
      const inCommitments = commitmentReasons[reason as keyof typeof commitmentReasons]
      expect(inCommitments, reason).toBe(tickReasons[reason])
    }
  })

  test('every reason says what follows', () => {
    for (const [reason, consequence] of Object.entries({ ...commitmentReasons, ...tickReasons })) {
      expect(consequenceOf(reason as keyof typeof tickReasons)).toBe(consequence)
    }
  })

  test('only what a faulty sender alone can cause is a strike', () => {
    const strikes = Object.entries({ ...tickReasons, ...commitmentReasons })
      .filter(([, consequence]) => consequence === 'strike')
      .map(([reason]) => reason)
    expect(strikes.sort()).toEqual(['bad_signature', 'bad_word', 'malformed', 'out_of_range'])
  })

  test('supply levels and reasons keep their numbers: appended to, never reordered', () => {
    expect(supplyLevels).toEqual(['off', 'limited', 'on'])
    expect(supplyReasons.slice(0, 11)).toEqual([
      'ok',
      'not_paying',
      'paused',
      'over_limit',
      'fenced',
      'mandate_expired',
      'commitment_expired',
      'no_mandate',
      'no_space',
      'clone_suspected',
      'closed',
    ])
  })

  test('names are words that can stand in a metric', () => {
    const all = [
      ...Object.keys(tickReasons),
      ...Object.keys(commitmentReasons),
      ...connectReasons,
      ...supplyReasons,
    ]
    for (const reason of all) expect(reason).toMatch(/^[a-z]+(_[a-z]+)*$/)
  })
})
