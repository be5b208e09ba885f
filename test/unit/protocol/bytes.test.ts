import { describe, expect, test } from 'vitest'
import { assert, present } from '../../../protocol/assert.ts'
import {
  bigEndian,
  compareBytes,
  equalBytes,
  exactBytes,
  parseHex,
} from '../../../protocol/bytes.ts'
import { FLEET_ITSELF, isId } from '../../../protocol/ids.ts'

const bytes = (...values: number[]) => new Uint8Array(values)

describe('bytes', () => {
  test('equality looks at every byte and at the length', () => {
    expect(equalBytes(bytes(1, 2), bytes(1, 2))).toBe(true)
    expect(equalBytes(bytes(), bytes())).toBe(true)
    expect(equalBytes(bytes(1, 2), bytes(1, 3))).toBe(false)
    expect(equalBytes(bytes(1, 2), bytes(3, 2))).toBe(false)
    expect(equalBytes(bytes(1, 2), bytes(1, 2, 0))).toBe(false)
  })

  test('order is unsigned and lexicographic', () => {
    const sorted = [bytes(), bytes(0), bytes(0, 0), bytes(1), bytes(1, 255), bytes(128), bytes(255)]
    expect([...sorted].reverse().sort(compareBytes)).toEqual(sorted)
    expect(compareBytes(bytes(7), bytes(7))).toBe(0)
  })

  test('hex is read in both cases, with or without 0x, and nothing else is', () => {
    expect(parseHex('0x00Ff')).toEqual(bytes(0, 255))
    expect(parseHex('')).toEqual(bytes())
    expect(parseHex('abc')).toBeUndefined()
    expect(parseHex('0xzz')).toBeUndefined()
    expect(parseHex('00 1')).toBeUndefined()
    expect(parseHex('0X00')).toBeUndefined()
  })

  test('big-endian keeps every bit and refuses what does not fit', () => {
    expect(bigEndian(0x0102n, 4)).toEqual(bytes(0, 0, 1, 2))
    expect(bigEndian((1n << 64n) - 1n, 8)).toEqual(new Uint8Array(8).fill(255))
    expect(() => bigEndian(256n, 1)).toThrow(RangeError)
    expect(() => bigEndian(-1n, 8)).toThrow(RangeError)
  })

  test('a wrong length and a broken assertion are bugs and throw', () => {
    expect(exactBytes(bytes(1), 1, 'x')).toEqual(bytes(1))
    expect(() => exactBytes(bytes(1), 2, 'word')).toThrow('"word" expected 2 bytes, got 1')
    expect(() => assert(false, 'the rule')).toThrow('the rule')
    expect(() => present(undefined, 'the rule')).toThrow('the rule')
    expect(present(0, 'the rule')).toBe(0)
  })
})

describe('ids', () => {
  test('what may stand in a topic', () => {
    for (const id of ['a', '0', 'charger-7', 'a--', 'a'.repeat(48)]) expect(isId(id)).toBe(true)
  })

  test('what may not', () => {
    const hostile = [
      '',
      '-a',
      '_',
      'A',
      'a_b',
      'a.b',
      'a/b',
      '+',
      '#',
      '$a',
      'a b',
      'é',
      'а',
      'a\n',
    ]
    for (const id of [...hostile, '\na', 'a\u0000', '..', 'a'.repeat(49), FLEET_ITSELF]) {
      expect(isId(id), JSON.stringify(id)).toBe(false)
    }
  })
})
