import { createHash, hkdfSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { bytesToHex, concatBytes, utf8ToBytes } from '../../../protocol/bytes.ts'
import type { Terms } from '../../../protocol/chain.ts'
import {
  bindOf,
  buildChain,
  lastWord,
  leadsTo,
  STEP_BYTES,
  stepBack,
  stepBlock,
  termsHash,
} from '../../../protocol/chain.ts'
import { checkTick } from '../../../protocol/channel.ts'
import { commitmentStructure, RENEWAL } from '../../../protocol/structures.ts'
import { encodeData, typeHash } from '../../../protocol/typedData.ts'
import { counting, nowSeconds, rootSecret, termsOf } from '../../support/fixtures.ts'
import { naiveChain, naiveStep } from '../../support/naiveChain.ts'
import { registerAt, running, tickOf } from '../../support/registers.ts'

const terms = termsOf({ length: 100 })

/** Terms that differ in one field, for every field that a commitment has beside its root. */
const altered: readonly (readonly [string, Terms])[] = [
  ['kind', { ...terms, kind: RENEWAL }],
  ['channelId', { ...terms, channelId: counting(1) }],
  ['epoch', { ...terms, epoch: 2 }],
  ['base', { ...terms, base: 1n }],
  ['length', { ...terms, length: 101 }],
  ['unitsPerTick', { ...terms, unitsPerTick: 11n }],
  ['pricePerTick', { ...terms, pricePerTick: 2_499n }],
  ['startReading', { ...terms, startReading: 123_451n }],
  ['tariffHash', { ...terms, tariffHash: counting(1) }],
  ['issuedAt', { ...terms, issuedAt: terms.issuedAt + 1 }],
  ['expiry', { ...terms, expiry: terms.expiry - 1 }],
]

describe('the chain', () => {
  test('T is SHA-256 over the type hash and the words of all fields but the root', () => {
    const root = counting(1)
    const data = encodeData(commitmentStructure.type, { ...terms, root })
    const place = Object.keys(commitmentStructure.fields).indexOf('root') * 32
    const hash = createHash('sha256')
      .update(typeHash(commitmentStructure.type))
      .update(data.subarray(0, place))
      .update(data.subarray(place + 32))
    expect(bytesToHex(termsHash(terms))).toBe(hash.digest('hex'))
    expect(bindOf(terms)).toEqual(termsHash(terms).slice(0, 16))
  })

  test('w_n is HKDF-SHA256 of the root secret, as node:crypto computes it', () => {
    const info = concatBytes(utf8ToBytes('tickpay chain'), termsHash(terms))
    const expected = hkdfSync('sha256', rootSecret, new Uint8Array(), info, 32)
    expect(lastWord(rootSecret, terms)).toEqual(new Uint8Array(expected))
    expect(() => lastWord(counting(0, 31), terms)).toThrow(RangeError)
  })

  test('one step is one SHA-256 block of "TP", version, bind, index, word', () => {
    const bind = bindOf(terms)
    const word = counting(5)
    expect(stepBack(stepBlock(bind), word, 0x01020304, 1)).toEqual(
      naiveStep(bind, 0x01020304, word),
    )
    // SHA-256 adds at least 9 bytes, so 55 are the most that stay within one block of 64.
    expect(STEP_BYTES).toBe(55)
  })

  test.each([1, 2, 3, 4, 5, 99, 100, 101, 1_000])('length %d: every word', (length) => {
    const one = termsOf({ length })
    const words = naiveChain(rootSecret, one)
    const chain = buildChain(rootSecret, one)
    expect(chain.root).toEqual(words[0])
    expect(words.map((_, index) => chain.wordAt(index))).toEqual(words)
  })

  test('length 65,536: every word, upwards, and some in any order', () => {
    const one = termsOf({ length: 65_536 })
    const words = naiveChain(rootSecret, one)
    const chain = buildChain(rootSecret, one)
    const wrong = words.findIndex((word, index) => !leadsSame(chain.wordAt(index), word))
    expect(wrong).toBe(-1)
    for (const index of [65_536, 0, 256, 255, 65_535, 1, 32_768, 65_280, 65_281]) {
      expect(chain.wordAt(index)).toEqual(words[index])
    }
  })

  test('two lengths outside the limits and indices outside the chain are bugs and throw', () => {
    expect(() => buildChain(rootSecret, termsOf({ length: 0 }))).toThrow()
    expect(() => buildChain(rootSecret, termsOf({ length: 65_537 }))).toThrow()
    const chain = buildChain(rootSecret, terms)
    for (const index of [-1, 101, 1.5, Number.NaN]) expect(() => chain.wordAt(index)).toThrow()
  })

  test('a word that was handed out cannot be changed from outside', () => {
    const chain = buildChain(rootSecret, terms)
    chain.wordAt(7).fill(0)
    expect(chain.wordAt(7)).toEqual(naiveChain(rootSecret, terms)[7])
  })

  // T05
  test('(!) a word of other terms is worthless: every field of the commitment is bound', () => {
    expect(altered.map(([name]) => name)).toEqual(
      Object.keys(commitmentStructure.fields).filter((name) => name !== 'root'),
    )
    const chain = buildChain(rootSecret, terms)
    const register = registerAt(0, { length: 100, bind: bindOf(terms), word: chain.root })
    const tick = { ...tickOf(5), word: chain.wordAt(5) }
    expect(checkTick(register, tick, nowSeconds, 1_024)).toBe('accepted')
    for (const [name, other] of altered) {
      const foreign = buildChain(rootSecret, other)
      const replayed = { ...tick, word: foreign.wordAt(5) }
      expect(checkTick(register, replayed, nowSeconds, 1_024), name).toBe('bad_word')
      // Even with the right word, the hashes of other terms lead elsewhere.
      const bound = { ...register, bind: bindOf(other) }
      expect(checkTick(bound, tick, nowSeconds, 1_024), name).toBe('bad_word')
    }
  })

  // T15
  test('(!) two commitments share no word, even for the same epoch', () => {
    const all = [terms, ...altered.map(([, other]) => other)].flatMap((one) =>
      naiveChain(rootSecret, one).map(bytesToHex),
    )
    expect(new Set(all).size).toBe(all.length)
  })

  test('a word leads to every earlier one and to nothing else', () => {
    const { chain, bind } = running
    expect(leadsTo(bind, chain.wordAt(50), 50, chain.wordAt(50), 50)).toBe(true)
    expect(leadsTo(bind, chain.wordAt(50), 50, chain.wordAt(3), 3)).toBe(true)
    expect(leadsTo(bind, chain.wordAt(50), 50, chain.root, 0)).toBe(true)
    expect(leadsTo(bind, chain.wordAt(50), 50, chain.wordAt(4), 3)).toBe(false)
    expect(leadsTo(bind, chain.wordAt(50), 51, chain.wordAt(4), 4)).toBe(false)
    expect(() => leadsTo(bind, chain.wordAt(3), 3, chain.wordAt(5), 5)).toThrow()
  })
})

function leadsSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
