import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { HashBudget } from '../../../protocol/hashBudget.ts'
import { hashesAllowed, spendHashes } from '../../../protocol/hashBudget.ts'
import {
  HASH_BUDGET_BURST,
  HASH_BUDGET_PER_SECOND,
  JUMP_TICKS_MAX,
} from '../../../protocol/limits.ts'

const full: HashBudget = { tokens: HASH_BUDGET_BURST, atMs: 0 }

describe('the hash budget of a channel', () => {
  test('a full one lets the longest jump through, once', () => {
    expect(hashesAllowed(full, 0)).toBeGreaterThanOrEqual(JUMP_TICKS_MAX)
    expect(hashesAllowed(spendHashes(full, JUMP_TICKS_MAX, 0), 0)).toBe(0)
  })

  test('refills by the second and not beyond its burst', () => {
    const empty = spendHashes(full, HASH_BUDGET_BURST, 1_000)
    expect(hashesAllowed(empty, 1_005)).toBe(1)
    expect(hashesAllowed(empty, 2_000)).toBe(HASH_BUDGET_PER_SECOND)
    expect(hashesAllowed(empty, 1_000_000)).toBe(HASH_BUDGET_BURST)
    expect(hashesAllowed(empty, 0)).toBe(0)
  })

  test('never more than burst + rate * time', () => {
    const wish = fc.record({ waitMs: fc.integer({ min: 0, max: 20_000 }), hashes: fc.nat(2_000) })
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 50 }), (wishes) => {
        let budget = full
        let nowMs = 0
        let spent = 0
        for (const { waitMs, hashes } of wishes) {
          nowMs += waitMs
          if (hashes > hashesAllowed(budget, nowMs)) continue
          budget = spendHashes(budget, hashes, nowMs)
          spent += hashes
          expect(budget.tokens).toBeGreaterThanOrEqual(0)
        }
        const bound = HASH_BUDGET_BURST + (HASH_BUDGET_PER_SECOND * nowMs) / 1_000
        expect(spent).toBeLessThanOrEqual(bound + 1e-6)
      }),
    )
  })
})
