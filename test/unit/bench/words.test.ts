import { expect, test } from 'vitest'
import { sparseChain } from '../../../bench/load/words.ts'
import type { Terms } from '../../../protocol/chain.ts'
import { bindOf, buildChain, lastWord } from '../../../protocol/chain.ts'
import { CHECKPOINT } from '../../../protocol/structures.ts'

const terms: Terms = {
  kind: CHECKPOINT,
  channelId: new Uint8Array(32).fill(1),
  epoch: 1,
  base: 0n,
  length: 200,
  unitsPerTick: 10n,
  pricePerTick: 3n,
  startReading: 0n,
  tariffHash: new Uint8Array(32).fill(2),
  issuedAt: 0,
  expiry: 1,
}
const secret = new Uint8Array(32).fill(9)
const reference = buildChain(secret, terms)
const chain = sparseChain(bindOf(terms), lastWord(secret, terms), terms.length)

test('its root is that of the reference', () => {
  expect(chain.root).toEqual(reference.root)
})

test.each([
  { from: 0, count: 200, step: 1 },
  { from: 0, count: 1, step: 1 },
  { from: 63, count: 2, step: 1 },
  { from: 64, count: 64, step: 1 },
  { from: 130, count: 70, step: 1 },
  { from: 199, count: 1, step: 1 },
  { from: 8, count: 12, step: 16 },
  { from: 0, count: 2, step: 100 },
])('words from $from, $count of them, every $step', ({ from, count, step }) => {
  const stride = 40
  const bytes = Buffer.alloc(count * stride)
  chain.write(from, { bytes, offset: 5, stride, count, step })
  for (let message = 0; message < count; message++) {
    const at = 5 + message * stride
    const expected = reference.wordAt(from + (message + 1) * step)
    expect(new Uint8Array(bytes.subarray(at, at + 32))).toEqual(expected)
    expect(bytes.subarray(at + 32, at + 35).every((byte) => byte === 0)).toBe(true)
  }
})
