/**
 * The tick: 42 fixed bytes that say how far a channel has got. One message carries 1 to 64.
 * @module
 */
import { assert } from './assert.ts'
import { exactBytes } from './bytes.ts'
import type { WordPlace } from './chain.ts'
import { WORD_BYTES } from './chain.ts'
import { TICK_BYTES, TICKS_PER_MESSAGE_MAX, WIRE_VERSION } from './limits.ts'

export type Tick = {
  readonly slot: number
  readonly epoch: number
  readonly index: number
  /** 32 bytes; when decoded, a view into the message. */
  readonly word: Uint8Array
}

const WORD_OFFSET = 10

/** Encodes 1 to 64 ticks into one message. */
export function encodeTicks(ticks: readonly Tick[]): Uint8Array {
  assert(ticks.length >= 1 && ticks.length <= TICKS_PER_MESSAGE_MAX, 'a message has 1 to 64 ticks')
  const message = new Uint8Array(ticks.length * TICK_BYTES)
  const view = new DataView(message.buffer)
  for (const [position, tick] of ticks.entries()) {
    const offset = position * TICK_BYTES
    message[offset] = WIRE_VERSION
    message[offset + 1] = tick.slot
    view.setUint32(offset + 2, tick.epoch)
    view.setUint32(offset + 6, tick.index)
    message.set(exactBytes(tick.word, WORD_BYTES, 'word'), offset + WORD_OFFSET)
  }
  return message
}

/** How many ticks a message carries; undefined when its size or a version byte is wrong. */
export function countTicks(message: Uint8Array): number | undefined {
  return countTicksIn(message, 0, message.length)
}

/** The same for a message that is `bytes[start, end)`. */
export function countTicksIn(bytes: Uint8Array, start: number, end: number): number | undefined {
  const count = (end - start) / TICK_BYTES
  if (!Number.isInteger(count) || count < 1 || count > TICKS_PER_MESSAGE_MAX) return undefined
  for (let offset = start; offset < end; offset += TICK_BYTES) {
    if (bytes[offset] !== WIRE_VERSION) return undefined
  }
  return count
}

/** The tick at `position` of a message that `countTicks` accepted. */
export function tickAt(message: Uint8Array, position: number): Tick {
  const offset = position * TICK_BYTES
  const view = new DataView(message.buffer, message.byteOffset + offset, TICK_BYTES)
  return {
    slot: view.getUint8(1),
    epoch: view.getUint32(2),
    index: view.getUint32(6),
    word: message.subarray(offset + WORD_OFFSET, offset + TICK_BYTES),
  }
}

/** A tick where it lies in a message; `moveTo` makes it the next one. */
export class TickView implements WordPlace {
  readonly bytes: Uint8Array
  slot = 0
  epoch = 0
  index = 0
  /** Where its word begins. */
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** `offset` is where a tick of a message begins that `countTicksIn` accepted. */
  moveTo(offset: number): void {
    const { bytes } = this
    this.slot = bytes[offset + 1] ?? 0
    this.epoch = uint32(bytes, offset + 2)
    this.index = uint32(bytes, offset + 6)
    this.at = offset + WORD_OFFSET
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  return high * 0x1_0000 + low
}
