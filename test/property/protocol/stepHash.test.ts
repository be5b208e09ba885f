/** The gateway's way along a chain, without objects, beside the reference. */
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fastStepHash } from '../../../ledger/io/fastSha256.ts'
import {
  createReplace,
  createWordCheck,
  leadsTo,
  stepBack,
  stepBlock,
  stepHashOf,
  to32Bit,
} from '../../../protocol/chain.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const reference = stepHashOf(sha256)
const replace = createReplace()
const checks = [createWordCheck(fastStepHash), createWordCheck(reference)]

describe('a step of the chain', () => {
  test('by OpenSSL, and in memory used again, is that of the reference, whatever the bytes', () => {
    fc.assert(
      fc.property(bytes(55), (block) => {
        const [fast, slow] = [block.slice(), block.slice()]
        fastStepHash.replace(fast)
        reference.replace(slow)
        expect(fast).toEqual(slow)
        const reused = block.slice()
        replace(reused)
        expect(reused).toEqual(slow)
        expect(fast.subarray(23)).toEqual(sha256(block))
      }),
    )
  })

  test('meets the very word that the reference meets, and no word that differs in a bit', () => {
    fc.assert(
      fc.property(bytes(55), fc.nat(9), fc.nat(255), (block, before, bit) => {
        const word = sha256(block)
        const held = new Uint32Array([...new Uint32Array(before), ...to32Bit(word)])
        const own = block.slice()
        const spoiled = word.slice()
        spoiled[bit >> 3] = (spoiled[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        for (const { meets } of [fastStepHash, reference]) {
          expect(meets(block, held, before)).toBe(true)
          expect(meets(block, to32Bit(spoiled), 0)).toBe(false)
        }
        expect(block).toEqual(own)
      }),
    )
  })

  test('a held word that the column does not hold to its end is not met', () => {
    const block = new Uint8Array(55)
    const held = to32Bit(sha256(block))
    for (const { meets } of [fastStepHash, reference]) {
      expect(meets(block, held, 0)).toBe(true)
      expect(meets(block, held.subarray(0, 7), 0)).toBe(false)
      expect(meets(block, held, 1)).toBe(false)
    }
  })
})

describe('the check of a word where it lies', () => {
  const place = fc.record({
    bind: bytes(16),
    word: bytes(32),
    index: fc.integer({ min: 1, max: 0xffff_ffff }),
    steps: fc.integer({ min: 1, max: 40 }),
    at: fc.nat(20),
    spoiled: fc.boolean(),
  })

  test('says what the reference says', () => {
    fc.assert(
      fc.property(place, ({ bind, word, index, steps: most, at, spoiled }) => {
        const steps = Math.min(most, index)
        const held = stepBack(stepBlock(bind), word, index, steps)
        if (spoiled) held[31] = (held[31] ?? 0) ^ 1
        const columns = { bind: new Uint32Array(at + 4), held: new Uint32Array(at + 8) }
        columns.bind.set(to32Bit(bind), at)
        columns.held.set(to32Bit(held), at)
        const message = new Uint8Array(at + 32)
        message.set(word, at)
        const shown = { bytes: message, at, index }
        const expected = leadsTo(bind, word, index, held, index - steps)
        expect(expected).toBe(!spoiled)
        for (const check of checks) {
          expect(check(columns.bind, at, shown, columns.held, at, index - steps)).toBe(expected)
        }
      }),
    )
  })

  test('a word that is not further along is a bug', () => {
    const zeros = new Uint32Array(8)
    for (const check of checks) {
      const shown = { bytes: new Uint8Array(32), at: 0, index: 3 }
      expect(() => check(zeros, 0, shown, zeros, 0, 3)).toThrow()
    }
  })
})
