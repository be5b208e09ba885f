/**
 * Vectors of the CBOR profile.
 * @module
 */
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import { formatFile, wireToJson } from './json.ts'

const values: readonly WireValue[] = [
  0,
  1,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  0xffff_ffffn,
  0x1_0000_0000n,
  (1n << 53n) - 1n,
  1n << 53n,
  (1n << 64n) - 1n,
  false,
  true,
  null,
  '',
  'a',
  'tickpay',
  'é',
  '€',
  '😀',
  '\ufeff',
  '\u0000',
  'x'.repeat(24),
  'y'.repeat(300),
  new Uint8Array(),
  new Uint8Array([0]),
  new Uint8Array(23).fill(1),
  new Uint8Array(24).fill(2),
  new Uint8Array(256).fill(3),
  [],
  [1, [2, [3, [4]]]],
  Array.from({ length: 24 }, (_, i) => i),
  [1, 'a', new Uint8Array([1, 2]), null, true, [false, 1n << 40n]],
]

const nested = (depth: number) => `${'81'.repeat(depth)}00`

/** Bytes outside the profile, and why. */
export const refusedCbor: readonly (readonly [why: string, hex: string])[] = [
  ['nothing', ''],
  ['trailing byte', '0000'],
  ['trailing byte after an array', '8100ff'],
  ['0 in two bytes', '1800'],
  ['23 in two bytes', '1817'],
  ['255 in three bytes', '1900ff'],
  ['65,535 in five bytes', '1a0000ffff'],
  ['2^32 - 1 in nine bytes', '1b00000000ffffffff'],
  ['length of bytes in two bytes', '580100'],
  ['length of text in three bytes', '79000161'],
  ['count of an array in two bytes', '980100'],
  ['integer cut short', '18'],
  ['integer cut short', '1b00000000'],
  ['bytes cut short', '4200'],
  ['text cut short', '6361'],
  ['array cut short', '8201'],
  ['array of 2^32 - 1', '9affffffff'],
  ['array of 2^64 - 1', '9bffffffffffffffff'],
  ['bytes of 2^64 - 1', '5bffffffffffffffff'],
  ['negative', '20'],
  ['negative', '3903e7'],
  ['empty map', 'a0'],
  ['map', 'a10102'],
  ['map with a key twice', 'a201020103'],
  ['map in an array', '81a0'],
  ['tag 0', 'c074323032362d30312d30315430303a30303a30305a'],
  ['bignum', 'c249010000000000000000'],
  ['self-described', 'd9d9f700'],
  ['half float', 'f90000'],
  ['single float', 'fa47c35000'],
  ['double float', 'fb3ff8000000000000'],
  ['NaN', 'f97e00'],
  ['undefined', 'f7'],
  ['simple 0', 'e0'],
  ['simple 19', 'f3'],
  ['simple 23 to 31', 'f8ff'],
  ['false in two bytes', 'f814'],
  ['break', 'ff'],
  ['indefinite bytes', '5f4100ff'],
  ['indefinite text', '7f6161ff'],
  ['indefinite array', '9f00ff'],
  ['indefinite map', 'bfff'],
  ['reserved 28', '1c'],
  ['reserved 30', '1e'],
  ['reserved 28 of an array', '9c'],
  ['UTF-8: lone continuation', '6180'],
  ['UTF-8: overlong', '62c080'],
  ['UTF-8: surrogate', '63eda080'],
  ['UTF-8: surrogate pair', '66eda080edb080'],
  ['UTF-8: above U+10FFFF', '64f4908080'],
  ['UTF-8: cut short', '62e282'],
  ['5 levels', nested(5)],
  ['1,000 levels', nested(1_000)],
  ['1,000 levels without an end', '81'.repeat(1_000)],
  ['4,097 bytes', `590ffe${'00'.repeat(4_094)}`],
]

export function cborVectors(): string {
  return formatFile({
    about: ['Section 4. values: a value and its one encoding. refused: bytes outside the profile.'],
    values: values.map((value) => ({
      value: wireToJson(value),
      cbor: bytesToHex(encodeCbor(value)),
    })),
    refused: refusedCbor.map(([why, cbor]) => ({ why, cbor })),
  })
}
