/** What a session keeps of its slots, beside a map that keeps the same. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { slotMap, wholeCodec } from '../../../gateway/intake/slotMap.ts'
import { CHANNELS_PER_DEVICE_MAX } from '../../../protocol/limits.ts'

const slot = fc.nat(CHANNELS_PER_DEVICE_MAX - 1)
const value = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const step = fc.oneof(fc.tuple(slot, value), fc.tuple(slot, fc.constant(undefined)))

describe('a map by slot', () => {
  test('holds what a map holds, whatever is set and deleted', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const [slots, model] = [slotMap(wholeCodec), new Map<number, bigint>()]
        for (const [at, one] of steps) {
          if (one === undefined) expect(slots.delete(at)).toBe(model.delete(at))
          else {
            slots.set(at, one)
            model.set(at, one)
          }
          expect(slots.size).toBe(model.size)
          expect(slots.get(at)).toBe(model.get(at))
          expect(slots.has(at)).toBe(model.has(at))
        }
        expect([...slots]).toEqual([...model].sort(([a], [b]) => a - b))
      }),
    )
  })

  test('has no room for what is no slot, or no number of 64 bits', () => {
    const slots = slotMap(wholeCodec)
    expect(() => slots.set(CHANNELS_PER_DEVICE_MAX, 1n)).toThrow()
    expect(() => slots.set(0, 1n << 64n)).toThrow()
    expect(() => slots.set(0, -1n)).toThrow()
  })
})
