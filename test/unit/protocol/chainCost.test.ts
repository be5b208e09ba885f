/** What a traversal of the chain costs, counted in calls of SHA-256. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { buildChain } from '../../../protocol/chain.ts'
import { rootSecret, termsOf } from '../../support/fixtures.ts'

const counter = vi.hoisted(() => ({ hashes: 0 }))
vi.mock('@noble/hashes/sha2.js', async (load) => {
  const original = await load<typeof import('@noble/hashes/sha2.js')>()
  const sha256 = new Proxy(original.sha256, {
    apply: (target, _, [message]: [Uint8Array]) => {
      counter.hashes += 1
      return target(message)
    },
  })
  return { ...original, sha256 }
})

/** T is hashed twice: for the bind and for the last word. */
const overhead = 2

describe('the cost of a chain', () => {
  beforeEach(() => {
    counter.hashes = 0
  })

  test.each([1, 10, 100, 1_000, 65_536])(
    'length %d: building and ticking upwards take 2 hashes a word at most',
    (length) => {
      const chain = buildChain(rootSecret, termsOf({ length }))
      expect(counter.hashes).toBe(length + overhead)
      for (let index = 1; index <= length; index++) chain.wordAt(index)
      expect(counter.hashes).toBeLessThanOrEqual(2 * length + overhead)
    },
  )

  test('any word takes sqrt(n) hashes at most', () => {
    const length = 65_536
    const chain = buildChain(rootSecret, termsOf({ length }))
    for (const index of [0, 65_535, 1, 300, 65_536, 40_000, 12, 65_279, 256, 255]) {
      counter.hashes = 0
      chain.wordAt(index)
      expect(counter.hashes).toBeLessThanOrEqual(256)
    }
  })

  test('the same word again costs nothing', () => {
    const chain = buildChain(rootSecret, termsOf({ length: 1_000 }))
    chain.wordAt(500)
    counter.hashes = 0
    chain.wordAt(500)
    chain.wordAt(501)
    expect(counter.hashes).toBe(0)
  })
})
