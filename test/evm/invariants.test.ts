/**
 * Random histories of deposits, claims of both kinds, withdrawals, rotations and reorganisations:
 * what must always be true is, and the contract's books are the model's. `npm run invariants` runs
 * 50,000; TICKPAY_HISTORIES and TICKPAY_CHAIN_HISTORIES set how many.
 * @module
 */
import { describe, expect, test } from 'vitest'
import { chainHistory } from './chainHistory.ts'
import { DEPOSIT, FEE_BASIS_POINTS, historyOf } from './histories.ts'
import { faultsOf } from './model.ts'
import { escrowScene } from './scene.ts'
import { hasAnvil } from './world.ts'

const HISTORIES = Number(process.env['TICKPAY_HISTORIES'] ?? 1_000)
const CHAIN_HISTORIES = Number(process.env['TICKPAY_CHAIN_HISTORIES'] ?? 4)
const STEPS = 30

describe('the model', () => {
  test(`holds its invariants over ${HISTORIES} histories`, { timeout: 600_000 }, () => {
    const seen = new Map<string, number>()
    for (let seed = 1; seed <= HISTORIES; seed++) {
      for (const { operation, before, after } of historyOf(seed, STEPS)) {
        const faults = faultsOf(after)
        if (faults.length > 0) expect(faults, `seed ${seed} at ${operation.kind}`).toEqual([])
        const isGrowing = operation.kind === 'reorganise' || after.book.paid >= before.book.paid
        if (!isGrowing) expect.unreachable(`seed ${seed}: paid fell at ${operation.kind}`)
        const effect = after.book === before.book ? 'refused' : 'done'
        const name = `${operation.kind} ${effect}`
        seen.set(name, (seen.get(name) ?? 0) + 1)
      }
    }
    for (const kind of ['claims', 'statement', 'request', 'withdraw']) {
      expect(seen.get(`${kind} done`), kind).toBeGreaterThan(HISTORIES / 10)
      expect(seen.get(`${kind} refused`), kind).toBeGreaterThan(HISTORIES / 10)
    }
  })
})

describe.skipIf(!hasAnvil)('the contract', () => {
  const { escrow, node } = escrowScene({ amount: DEPOSIT, feeBasisPoints: FEE_BASIS_POINTS })
  const seeds = Array.from({ length: CHAIN_HISTORIES }, (_, seed) => seed + 1)

  test.each(seeds)('has the books of the model, history %i', { timeout: 120_000 }, async (seed) => {
    await chainHistory(node(), escrow(), historyOf(seed, STEPS))
  })
})
