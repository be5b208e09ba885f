/** The orders of a fleet as a device holds them against what it spends. */
import { describe, expect, test } from 'vitest'
import type { FleetOrders } from '../../../agent/fleetOrders.ts'
import {
  countSpending,
  isTooDear,
  leftOf,
  noFleetOrders,
  readFleetOrders,
  withOrders,
} from '../../../agent/fleetOrders.ts'

const hour = 3_600
const start = 1_000 * hour
const limited = withOrders(noFleetOrders, { limits: { hour: 100n, day: 150n }, ceilings: {} })

function spend(orders: FleetOrders, amount: bigint, seconds: number, channel = 'aa', meter = 'm') {
  return countSpending(orders, [{ meter, channel, amount }], seconds)
}

describe('a limit', () => {
  test('counts from when it was heard of, and the least of all limits is left', () => {
    const first = spend(limited, 5_000n, start)
    expect(leftOf(first)).toBe(100n)
    const later = spend(first, 5_090n, start + 60)
    expect(leftOf(later)).toBe(10n)
    const next = spend(later, 5_090n, start + hour)
    expect(leftOf(next)).toBe(60n)
    expect(leftOf(spend(next, 9_000n, start + hour))).toBe(0n)
  })

  test('counts what all meters spend', () => {
    const both = (a: bigint, b: bigint) => [
      { meter: 'm', channel: 'aa', amount: a },
      { meter: 'n', channel: 'bb', amount: b },
    ]
    const first = countSpending(limited, both(10n, 20n), start)
    expect(leftOf(countSpending(first, both(30n, 50n), start + 1))).toBe(50n)
  })

  test('survives a restart: all that was paid since the record counts now', () => {
    const saved = spend(spend(limited, 0n, start), 40n, start + 60)
    const read = readFleetOrders(structuredClone(saved))
    expect(read).toEqual(saved)
    expect(leftOf(spend(read ?? noFleetOrders, 70n, start + 120))).toBe(30n)
  })

  test('is not opened by a clock that goes back, nor by a channel that is replaced', () => {
    const used = spend(spend(limited, 0n, start), 90n, start + 60)
    expect(leftOf(spend(used, 90n, start - 5 * hour))).toBe(10n)
    expect(leftOf(spend(used, 4n, start + 61, 'cc'))).toBe(6n)
  })

  test('that is taken back limits nothing, and counting begins anew', () => {
    const used = spend(spend(limited, 0n, start), 90n, start)
    const free = spend(withOrders(used, { limits: {}, ceilings: {} }), 500n, start)
    expect(leftOf(free)).toBeUndefined()
    const again = spend(withOrders(free, { limits: { hour: 10n }, ceilings: {} }), 900n, start)
    expect(leftOf(again)).toBe(10n)
  })
})

test('a ceiling is for its unit alone', () => {
  const ceilings = { Wh: { price: 30n, units: 1n } }
  const orders = withOrders(noFleetOrders, { limits: {}, ceilings })
  const terms = { pricePerTick: 301n, unitsPerTick: 10n }
  expect(isTooDear(orders, 'Wh', terms)).toBe(true)
  expect(isTooDear(orders, 'mL', terms)).toBe(false)
  expect(isTooDear(orders, 'Wh', { ...terms, pricePerTick: 300n })).toBe(false)
})

test('a record that is damaged counts as none', () => {
  expect(readFleetOrders(undefined)).toBeUndefined()
  expect(readFleetOrders({ ...limited, limits: { hour: -1n } })).toBeUndefined()
})
