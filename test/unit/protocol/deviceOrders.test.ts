/** What a fleet ordered, on its way to a device. */
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import type { DeviceOrders } from '../../../protocol/deviceOrders.ts'
import {
  decodeDeviceOrders,
  encodeDeviceOrders,
  isAbove,
  noDeviceOrders,
  spanAt,
  tighter,
} from '../../../protocol/deviceOrders.ts'

const orders: DeviceOrders = {
  limits: { minute: 5n, day: 2n ** 64n - 1n },
  ceilings: { Wh: { price: 30n, units: 1_000n }, mL: { price: 0n, units: 1n } },
}

describe('the message', () => {
  test('is these bytes, and is read back as it was', () => {
    expect(bytesToHex(encodeDeviceOrders(orders))).toBe(
      '83018282000582021bffffffffffffffff8283625768181e1903e883626d4c0001',
    )
    expect(decodeDeviceOrders(encodeDeviceOrders(orders))).toEqual(orders)
    expect(decodeDeviceOrders(encodeDeviceOrders(noDeviceOrders))).toEqual(noDeviceOrders)
  })

  test.each([
    ['another version', [2, [], []]],
    ['a field more', [1, [], [], []]],
    ['a span that there is not', [1, [[4, 1]], []]],
    [
      'spans out of order',
      [
        1,
        [
          [1, 1],
          [0, 1],
        ],
        [],
      ],
    ],
    [
      'a span twice',
      [
        1,
        [
          [1, 1],
          [1, 1],
        ],
        [],
      ],
    ],
    ['an amount that is text', [1, [[1, '1']], []]],
    ['a ceiling for no units', [1, [], [['Wh', 1, 0]]]],
    [
      'units out of order',
      [
        1,
        [],
        [
          ['mL', 1, 1],
          ['Wh', 1, 1],
        ],
      ],
    ],
    ['a unit that is too long', [1, [], [['W'.repeat(40), 1, 1]]]],
  ] as const)('with %s is none', (_, wire) => {
    expect(decodeDeviceOrders(encodeCbor(wire as never))).toBeUndefined()
  })
})

test('of two orders the tighter of each counts', () => {
  const other: DeviceOrders = {
    limits: { minute: 6n, hour: 7n },
    ceilings: { Wh: { price: 29n, units: 1_000n }, s: { price: 1n, units: 1n } },
  }
  const both = {
    limits: { minute: 5n, hour: 7n, day: 2n ** 64n - 1n },
    ceilings: { ...orders.ceilings, ...other.ceilings },
  }
  expect(tighter(orders, other)).toEqual(both)
  expect(tighter(other, orders)).toEqual(both)
})

test('a price at its ceiling is not above it', () => {
  expect(isAbove({ price: 30n, units: 1n }, 300n, 10n)).toBe(false)
  expect(isAbove({ price: 30n, units: 1n }, 301n, 10n)).toBe(true)
})

test('spans begin on the clock of UTC', () => {
  const last = Date.UTC(2026, 0, 31, 23, 59, 59) / 1_000
  for (const span of ['minute', 'hour', 'day', 'month'] as const) {
    expect(spanAt(span, last + 1)).toBe(spanAt(span, last) + 1)
    expect(spanAt(span, last - 59)).toBe(spanAt(span, last))
  }
})
