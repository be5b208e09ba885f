import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bindOf, buildChain, leadsTo } from '../../../protocol/chain.ts'
import { rootSecret, termsOf } from '../../support/fixtures.ts'
import { naiveChain } from '../../support/naiveChain.ts'

describe('the chain', () => {
  test('any words in any order are those of the obvious way', () => {
    const indices = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_500 }), indices, (length, wishes) => {
        const terms = termsOf({ length })
        const words = naiveChain(rootSecret, terms)
        const chain = buildChain(rootSecret, terms)
        expect(chain.root).toEqual(words[0])
        for (const wish of wishes) {
          const index = wish % (length + 1)
          expect(chain.wordAt(index)).toEqual(words[index])
        }
      }),
      { numRuns: 40 },
    )
  })

  test('one flipped bit anywhere leads nowhere', () => {
    const terms = termsOf({ length: 200 })
    const chain = buildChain(rootSecret, terms)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(200), fc.nat(255), (index, at, bit) => {
        const heldIndex = at % index
        const word = chain.wordAt(index)
        const held = chain.wordAt(heldIndex)
        expect(leadsTo(bindOf(terms), word, index, held, heldIndex)).toBe(true)
        word[bit >> 3] = (word[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(leadsTo(bindOf(terms), word, index, held, heldIndex)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
})
