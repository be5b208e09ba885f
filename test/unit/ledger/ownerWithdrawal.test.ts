/** What a fleet's owner may ask back, and when it may leave. */
import { describe, expect, test } from 'vitest'
import type { Withdrawal } from '../../../ledger/ledger.ts'
import {
  amountToAsk,
  mustBeAlone,
  type Standing,
  withdrawalToExecute,
} from '../../../ledger/owner/withdrawal.ts'
import { asset, DAY_SECONDS, START_SECONDS } from './world.ts'

const waiting = (reference: string, amount: bigint, days: number): Withdrawal => ({
  ...{ reference, amount },
  availableAtSeconds: START_SECONDS + days * DAY_SECONDS,
})

const standing = (...withdrawing: readonly Withdrawal[]): Standing => ({
  ...{ asset, setAside: 1_000n, paid: 300n, available: 700n, withdrawing },
})

describe('an amount', () => {
  test('is at most what is neither paid nor asked back', () => {
    expect(amountToAsk(standing(), 700n)).toBe(700n)
    expect(amountToAsk(standing(), 'all')).toBe(700n)
    expect(amountToAsk(standing(waiting('a', 200n, 8)), 'all')).toBe(500n)
    expect(() => amountToAsk(standing(), 701n)).toThrow(
      '701 minor units of EUR cannot be withdrawn: 1000 were set aside, 300 paid, so at most 700',
    )
    expect(() => amountToAsk(standing(waiting('a', 700n, 8)), 'all')).toThrow(
      '700 asked back already, so at most 0 are left',
    )
    expect(() => amountToAsk(standing(), 0n)).toThrow('cannot be withdrawn')
  })

  test('has no company where a ledger takes one request at a time', () => {
    const busy = standing(waiting('evm-1', 200n, 8))
    expect(() => mustBeAlone(standing(), 'one at a time', START_SECONDS)).not.toThrow()
    expect(() => mustBeAlone(busy, 'many', START_SECONDS)).not.toThrow()
    expect(() => mustBeAlone(busy, 'one at a time', START_SECONDS)).toThrow(
      'a withdrawal of 200 waits already, and this ledger has one at a time: execute it with ' +
        '--execute from 2027-01-23T08:00:00Z on, in 8 d 0 h 0 min',
    )
  })
})

describe('an execution', () => {
  const first = waiting('a', 200n, 8)
  const execute = (one: Standing, reference: string | undefined, days: number) =>
    withdrawalToExecute(one, reference, START_SECONDS + days * DAY_SECONDS)

  test('waits for the notice, and says until when', () => {
    expect(() => execute(standing(first), undefined, 6.5)).toThrow(
      'the notice of a is not over: it can be executed from 2027-01-23T08:00:00Z on, in 1 d 12 h',
    )
    expect(execute(standing(first), undefined, 8)).toBe(first)
  })

  test('names one where several wait', () => {
    const both = standing(first, waiting('b', 100n, 9))
    expect(() => execute(both, undefined, 10)).toThrow('name one with --reference (a, b)')
    expect(execute(both, 'b', 10).amount).toBe(100n)
    expect(() => execute(both, 'c', 10)).toThrow('no withdrawal c waits: there are a, b')
    expect(() => execute(standing(), undefined, 10)).toThrow(
      'no withdrawal waits: announce one first',
    )
  })
})
