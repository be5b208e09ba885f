import { describe, expect, test } from 'vitest'
import { bytesToHex, parseHex } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import { PACKET_BYTES_MAX } from '../../../protocol/limits.ts'
import { refusedCbor } from '../../support/vectors/cbor.ts'

const decodeHex = (hex: string) => decodeCbor(parseHex(hex) ?? new Uint8Array())

describe('the CBOR profile', () => {
  test.each(refusedCbor)('refuses: %s', (_, hex) => {
    expect(decodeHex(hex)).toBeUndefined()
  })

  /** RFC 8949, appendix A, as far as the profile goes. */
  const examples: readonly (readonly [WireValue, string])[] = [
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [100, '1864'],
    [1_000, '1903e8'],
    [1_000_000, '1a000f4240'],
    [4_294_967_295, '1affffffff'],
    [4_294_967_296n, '1b0000000100000000'],
    [1_000_000_000_000n, '1b000000e8d4a51000'],
    [18_446_744_073_709_551_615n, '1bffffffffffffffff'],
    [false, 'f4'],
    [true, 'f5'],
    [null, 'f6'],
    [new Uint8Array(), '40'],
    [new Uint8Array([1, 2, 3, 4]), '4401020304'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['"\\', '62225c'],
    ['\u00fc', '62c3bc'],
    ['\u6c34', '63e6b0b4'],
    ['\ud800\udd51', '64f0908591'],
    [[], '80'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
  ]
  test.each(examples)('RFC 8949, appendix A: %s', (value, hex) => {
    expect(bytesToHex(encodeCbor(value))).toBe(hex)
    expect(decodeHex(hex)).toEqual(value)
  })

  test('the encoding does not depend on how an integer is carried', () => {
    for (const value of [0, 23, 24, 255, 65_536, 0xffff_ffff, 2 ** 32, 2 ** 40, 2 ** 53 - 1]) {
      expect(encodeCbor(value)).toEqual(encodeCbor(BigInt(value)))
    }
  })

  test.each([-1, -1n, 1.5, Number.NaN, Infinity, 2 ** 53, 1n << 64n])(
    'a number outside the profile is a bug and throws: %s',
    (value) => {
      expect(() => encodeCbor([value])).toThrow(RangeError)
    },
  )

  // T40
  test('four levels are allowed, a fifth is not', () => {
    expect(decodeHex('81818180')).toEqual([[[[]]]])
    expect(decodeHex('8181818180')).toBeUndefined()
  })

  test('packets up to the limit are read, longer ones are not', () => {
    const longest = encodeCbor(new Uint8Array(PACKET_BYTES_MAX - 3))
    expect(longest.length).toBe(PACKET_BYTES_MAX)
    expect(decodeCbor(longest)).toBeDefined()
    expect(decodeCbor(longest, PACKET_BYTES_MAX - 1)).toBeUndefined()
    const longer = encodeCbor(new Uint8Array(PACKET_BYTES_MAX))
    expect(decodeCbor(longer)).toBeUndefined()
    expect(decodeCbor(longer, 65_536)).toBeDefined()
  })

  test('what was decoded does not change with the packet it came in', () => {
    for (const make of [(hex: string) => Buffer.from(hex, 'hex'), (hex: string) => parseHex(hex)]) {
      const packet = make('824401020304') ?? new Uint8Array()
      const complete = make(`${bytesToHex(packet)}4109`) ?? new Uint8Array()
      const value = decodeCbor(complete)
      expect(Object.keys(complete).length).toBe(complete.length)
      complete.fill(0)
      expect(value).toEqual([new Uint8Array([1, 2, 3, 4]), new Uint8Array([9])])
    }
  })
})
