/** A register's step leaves the reservation that counting it anew would give. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { coldStore } from '../../../gateway/state/cold.ts'
import {
  FLAG_CLOSED,
  FLAG_LAPSED,
  FLAG_PAUSED,
  heldAmount,
  reservedAmount,
} from '../../../gateway/state/hotChannels.ts'
import { emptyState } from '../../../gateway/state/snapshot.ts'
import { applyStep } from '../../../gateway/state/state.ts'
import { memoryKeyValue } from '../../support/memoryKeyValue.ts'

const domain = { chainId: 0n, verifyingContract: new Uint8Array(20) }
const amount = fc.bigInt({ min: 0n, max: 1_000n })

const channel = fc.record({
  flags: fc.constantFrom(0, 0, FLAG_PAUSED, FLAG_CLOSED, FLAG_LAPSED, FLAG_CLOSED | FLAG_LAPSED),
  index: fc.nat(50),
  length: fc.constant(100),
  pendingEpoch: fc.constantFrom(0, 4),
  pendingLength: fc.integer({ min: 1, max: 100 }),
  base: amount,
  pricePerTick: amount,
  pendingPrice: amount,
  unitsPerTick: amount,
  pendingUnits: amount,
  paid: fc.oneof(amount, fc.bigInt({ min: 0n, max: 200_000n })),
  day: fc.constantFrom(0, 11),
})

test('within an epoch, into a renewal, and where no more than what is held is reserved', () => {
  fc.assert(
    fc.property(channel, fc.nat(40), fc.boolean(), (values, by, intoRenewal) => {
      const state = emptyState(domain, coldStore(memoryKeyValue()))
      const { hot } = state
      const number = hot.add(3) + 1
      const { columns } = hot
      columns.epoch[number] = 3
      for (const [name, value] of Object.entries(values)) {
        columns[name as keyof typeof values][number] = value as never
      }
      const use = { id: new Uint8Array(32), reserved: 0n, nextPosition: 1, openChannels: 1 }
      state.allocations.push(use)
      const others = 77n
      use.reserved = others + reservedAmount(hot, number)
      const heldBefore = heldAmount(hot, number)
      const renews = intoRenewal && values.pendingEpoch > 0
      const index = renews ? 1 + (by % values.pendingLength) : values.index + by
      const bytes = new Uint8Array(40).map((_, place) => place + 1)
      applyStep(state, number, { epoch: renews ? 4 : 3, index, bytes, at: 8 }, 11 * 86_400 + 5)
      expect(use.reserved).toBe(others + reservedAmount(hot, number))
      expect(columns.index[number]).toBe(index)
      expect(columns.epoch[number]).toBe(renews ? 4 : 3)
      expect(columns.word.slice(32 * number, 32 * number + 32)).toEqual(bytes.slice(8))
      expect(columns.word.slice(0, 32 * number).every((byte) => byte === 0)).toBe(true)
      expect(state.acceptedTicks).toBe(renews ? values.length - values.index + index : by)
      if (values.day === 0) expect(columns.dayStart[number]).toBe(heldBefore)
      expect(columns.day[number]).toBe(11)
    }),
    { numRuns: 500 },
  )
})
