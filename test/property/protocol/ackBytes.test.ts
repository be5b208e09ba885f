import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAckEncoder } from '../../../protocol/ackBytes.ts'
import type { AckEntry, Mark } from '../../../protocol/messages.ts'
import { decodeAck, encodeAck } from '../../../protocol/messages.ts'
import { supplyLevels, supplyReasons } from '../../../protocol/reasons.ts'

/** Numbers around every width that CBOR has. */
const edges = [0, 1, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
const upTo = (max: number) =>
  fc.oneof(fc.constantFrom(...edges.filter((edge) => edge <= max)), fc.nat({ max }))
const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 })
const mark: fc.Arbitrary<Mark> = fc.record({
  life: sixteen,
  position: fc.oneof(upTo(2 ** 31), fc.constantFrom(...edges), fc.maxSafeNat()),
  seal: sixteen,
})
const entry: fc.Arbitrary<AckEntry> = fc.record({
  slot: fc.nat(63),
  epoch: fc.oneof(fc.constantFrom(2 ** 32 - 1, 2 ** 32 - 2), upTo(2 ** 31 - 1)),
  index: fc.oneof(fc.constantFrom(2 ** 32 - 1), upTo(2 ** 31 - 1)),
  supply: fc.record({
    level: fc.constantFrom(...supplyLevels),
    reason: fc.constantFrom(...supplyReasons),
  }),
})
const entries = fc.array(entry, { minLength: 1, maxLength: 64 })

test('acknowledgements written by hand are the bytes of the encoder', () => {
  // One for all: what it remembers of the last mark and message must not show.
  const encode = createAckEncoder()
  fc.assert(
    fc.property(mark, fc.array(entries, { minLength: 1, maxLength: 4 }), (one, batch) => {
      for (const some of batch) {
        const bytes = encode(one, [...some, ...some], some.length)
        expect(bytes).toEqual(encodeAck({ mark: one, entries: some }))
        expect(decodeAck(bytes)).toEqual({ mark: one, entries: some })
      }
    }),
  )
})

test('the bytes of one message do not change with the next', () => {
  const encode = createAckEncoder()
  const one = { life: new Uint8Array(16), position: 1, seal: new Uint8Array(16) }
  const supply = { level: 'on', reason: 'ok' } as const
  const first = encode(one, [{ slot: 1, epoch: 2, index: 3, supply }], 1)
  const copy = first.slice()
  encode({ ...one, position: 70_000 }, [{ slot: 4, epoch: 500, index: 6, supply }], 1)
  expect(first).toEqual(copy)
})
