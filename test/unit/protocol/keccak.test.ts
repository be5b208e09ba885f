import { keccak_256 } from '@noble/hashes/sha3.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../../../protocol/bytes.ts'
import { keccak256 } from '../../../protocol/keccak.ts'
import { sponge } from '../../../protocol/keccakSponge.ts'

const RATE_BYTES = 136

/** Bytes that differ from place to place. */
const pattern = (length: number) =>
  Uint8Array.from({ length }, (_, place) => (place * 131 + 7) & 255)

describe('keccak256', () => {
  it('gives the known hashes of nothing and of "abc"', () => {
    expect(bytesToHex(keccak256(new Uint8Array()))).toBe(
      'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
    )
    expect(bytesToHex(keccak256(utf8ToBytes('abc')))).toBe(
      '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45',
    )
  })

  it('is computed by the module where the engine has WebAssembly', () => {
    expect(sponge).toBeDefined()
  })

  it('agrees with the reference at every length around the ends of blocks and of the input', () => {
    const ends = [1, 2, 3, 29, 30, 31].map((blocks) => blocks * RATE_BYTES)
    const lengths = [0, ...ends.flatMap((end) => [end - 2, end - 1, end, end + 1])]
    for (const length of lengths) {
      expect(keccak256(pattern(length)), `${length} bytes`).toEqual(keccak_256(pattern(length)))
    }
  })

  it('agrees with the reference on any bytes, whatever was hashed before', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        expect(keccak256(bytes)).toEqual(keccak_256(bytes))
      }),
    )
  })

  it('gives bytes of their own and leaves its input alone', () => {
    const input = pattern(200)
    const first = keccak256(input)
    const copy = first.slice()
    keccak256(pattern(3))
    expect(first).toEqual(copy)
    expect(input).toEqual(pattern(200))
  })
})
