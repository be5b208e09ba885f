import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex, concatBytes } from '../../../protocol/bytes.ts'
import { TICK_BYTES, TICKS_PER_MESSAGE_MAX } from '../../../protocol/limits.ts'
import type { Tick } from '../../../protocol/tick.ts'
import { countTicks, countTicksIn, encodeTicks, TickView, tickAt } from '../../../protocol/tick.ts'
import { counting } from '../../support/fixtures.ts'
import { refusedMessages } from '../../support/vectors/ticks.ts'

const tick: fc.Arbitrary<Tick> = fc.record({
  slot: fc.nat(255),
  epoch: fc.nat(0xffff_ffff),
  index: fc.nat(0xffff_ffff),
  word: fc.uint8Array({ minLength: 32, maxLength: 32 }),
})
const ticks = fc.array(tick, { minLength: 1, maxLength: TICKS_PER_MESSAGE_MAX })

describe('the tick', () => {
  test('is 42 bytes: version, slot, epoch, index, word', () => {
    const message = encodeTicks([
      { slot: 2, epoch: 0x01020304, index: 0x05060708, word: counting(0x80) },
    ])
    expect(bytesToHex(message)).toBe(`01020102030405060708${bytesToHex(counting(0x80))}`)
    expect(message.length).toBe(TICK_BYTES)
  })

  test('what is encoded is decoded', () => {
    fc.assert(
      fc.property(ticks, (list) => {
        const message = encodeTicks(list)
        expect(countTicks(message)).toBe(list.length)
        expect(list.map((_, position) => tickAt(message, position))).toEqual(list)
      }),
    )
  })

  test('a message carries up to 64', () => {
    const one = { slot: 0, epoch: 1, index: 1, word: counting(0) }
    for (const count of [1, 2, 63, 64]) {
      expect(countTicks(encodeTicks(Array.from({ length: count }, () => one)))).toBe(count)
    }
  })

  test('a message inside a larger buffer is read from its own place', () => {
    const list = [0, 1].map((slot) => ({ slot, epoch: 1, index: 9, word: counting(slot) }))
    const message = encodeTicks(list)
    const within = concatBytes(new Uint8Array(7), message, new Uint8Array(3)).subarray(7, 7 + 84)
    expect([tickAt(within, 0), tickAt(within, 1)]).toEqual(list)
  })

  test.each(refusedMessages)('malformed as a whole: %s', (_, message) => {
    expect(countTicks(message)).toBeUndefined()
  })

  test('arbitrary bytes are counted only with the right size and version bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (message) => {
        const whole = message.length > 0 && message.length % TICK_BYTES === 0
        const right = whole && message.every((byte, i) => i % TICK_BYTES !== 0 || byte === 1)
        expect(countTicks(message)).toBe(right ? message.length / TICK_BYTES : undefined)
      }),
    )
  })

  test('a word of another length or too many ticks are bugs and throw', () => {
    const one = { slot: 0, epoch: 1, index: 1, word: counting(0) }
    expect(() => encodeTicks([])).toThrow()
    expect(() => encodeTicks(Array.from({ length: 65 }, () => one))).toThrow()
    expect(() => encodeTicks([{ ...one, word: counting(0, 33) }, one])).toThrow(RangeError)
    expect(() => encodeTicks([{ ...one, word: counting(0, 31) }])).toThrow(RangeError)
  })
})

describe('a tick where it lies in a message', () => {
  test('is the tick that the reference reads, at any offset', () => {
    const ticks = [
      { slot: 0, epoch: 1, index: 1, word: counting(1) },
      { slot: 63, epoch: 0xffff_ffff, index: 0xffff_fffe, word: counting(2) },
      { slot: 7, epoch: 0x8000_0001, index: 0x0102_0304, word: counting(3) },
    ]
    const message = encodeTicks(ticks)
    for (const start of [0, 1, 13]) {
      const bytes = new Uint8Array(start + message.length + 5).fill(0xaa)
      bytes.set(message, start)
      expect(countTicksIn(bytes, start, start + message.length)).toBe(3)
      expect(countTicksIn(bytes, start, start + message.length + 1)).toBeUndefined()
      expect(countTicksIn(bytes, start + 1, start + message.length + 1)).toBeUndefined()
      expect(countTicksIn(bytes, start, start)).toBeUndefined()
      const view = new TickView(bytes)
      for (const [place, tick] of ticks.entries()) {
        view.moveTo(start + place * TICK_BYTES)
        const word = view.bytes.subarray(view.at, view.at + 32)
        expect({ slot: view.slot, epoch: view.epoch, index: view.index, word }).toEqual(tick)
      }
    }
  })
})
