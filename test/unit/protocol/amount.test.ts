import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  amount,
  formatAmount,
  isAsset,
  isUint64,
  parseUint64,
  units,
} from '../../../protocol/amount.ts'

const max = (1n << 64n) - 1n

describe('amounts and units', () => {
  test('are 0 to 2^64 - 1; anything else is a bug and throws', () => {
    for (const value of [0n, 1n, max]) {
      expect(amount(value)).toBe(value)
      expect(units(value)).toBe(value)
      expect(isUint64(value)).toBe(true)
    }
    for (const value of [-1n, max + 1n]) {
      expect(() => amount(value)).toThrow(RangeError)
      expect(() => units(value)).toThrow(RangeError)
      expect(isUint64(value)).toBe(false)
    }
  })

  // T12
  test('reads canonical decimal strings below 2^64 only', () => {
    expect(parseUint64('0')).toBe(0n)
    expect(parseUint64(max.toString())).toBe(max)
    const bad = ['', '-1', '+1', '00', '01', '1.0', '1e3', '0x1', ' 1', '1 ', '1\n', '１', 'NaN']
    for (const text of [...bad, (max + 1n).toString(), '9'.repeat(21)]) {
      expect(parseUint64(text), JSON.stringify(text)).toBeUndefined()
    }
    fc.assert(
      fc.property(fc.bigInt(0n, max), (value) => {
        expect(parseUint64(value.toString())).toBe(value)
      }),
    )
  })

  test('are shown with the decimals of their asset', () => {
    const euro = { code: 'EUR', scale: 6 }
    expect(formatAmount(1_234_567n, euro)).toBe('1.234567 EUR')
    expect(formatAmount(0n, euro)).toBe('0.000000 EUR')
    expect(formatAmount(-5n, euro)).toBe('-0.000005 EUR')
    expect(formatAmount(max, { code: 'X', scale: 0 })).toBe(`${max} X`)
    expect(formatAmount(10n, { code: 'X', scale: 1 })).toBe('1.0 X')
  })

  test('an asset is a code in capitals and a scale up to 9', () => {
    expect(isAsset({ code: 'EUR', scale: 6 })).toBe(true)
    expect(isAsset({ code: 'A23456789012', scale: 0 })).toBe(true)
    const bad: readonly (readonly [string, number])[] = [
      ['', 2],
      ['eur', 2],
      ['1EUR', 2],
      ['A234567890123', 2],
      ['EUR', -1],
      ['EUR', 10],
      ['EUR', 1.5],
      ['EUR', Number.NaN],
    ]
    for (const [code, scale] of bad) expect(isAsset({ code, scale })).toBe(false)
  })
})
