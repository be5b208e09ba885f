/** What a traversal of the chain costs, counted in steps. */
import { describe, expect, test } from 'vitest'
import { buildChain, createReplace } from '../../../protocol/chain.ts'
import { rootSecret, termsOf } from '../../support/fixtures.ts'

function counted(length: number) {
  const replace = createReplace()
  const counter = { hashes: 0 }
  const chain = buildChain(rootSecret, termsOf({ length }), (block) => {
    counter.hashes += 1
    replace(block)
  })
  return { chain, counter }
}

describe('the cost of a chain', () => {
  test.each([1, 10, 100, 1_000, 65_536])(
    'length %d: building and ticking upwards take 2 hashes a word at most',
    (length) => {
      const { chain, counter } = counted(length)
      expect(counter.hashes).toBe(length)
      for (let index = 1; index <= length; index++) chain.wordAt(index)
      expect(counter.hashes).toBeLessThanOrEqual(2 * length)
    },
  )

  test('any word takes sqrt(n) hashes at most', () => {
    const length = 65_536
    const { chain, counter } = counted(length)
    for (const index of [0, 65_535, 1, 300, 65_536, 40_000, 12, 65_279, 256, 255]) {
      counter.hashes = 0
      chain.wordAt(index)
      expect(counter.hashes).toBeLessThanOrEqual(256)
    }
  })

  test('the same word again costs nothing', () => {
    const { chain, counter } = counted(1_000)
    chain.wordAt(500)
    counter.hashes = 0
    chain.wordAt(500)
    chain.wordAt(501)
    expect(counter.hashes).toBe(0)
  })
})
