/**
 * What a session keeps of each slot, in columns: some 30 bytes a slot in all, where maps of objects
 * took 300.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { CHANNELS_PER_DEVICE_MAX } from '../../protocol/limits.ts'

/** The part of a `Map` by slot that sessions use. */
export type SlotMap<T> = Pick<Map<number, T>, 'get' | 'has' | 'delete' | 'size'> & {
  readonly set: (slot: number, value: T) => void
  readonly [Symbol.iterator]: () => Iterator<readonly [slot: number, value: T]>
}

/** Writes a value into so many 32-bit numbers from a place on, and reads it again. */
export type SlotCodec<T> = {
  readonly width: number
  readonly write: (numbers: Uint32Array, at: number, value: T) => void
  readonly read: (numbers: Uint32Array, at: number) => T
}

const SLOTS_FIRST = 4

/** A class, because a gateway has several for each of its connections. */
class SlotColumns<T> implements SlotMap<T> {
  size = 0
  readonly #codec: SlotCodec<T>
  #numbers: Uint32Array
  #isSet: Uint8Array

  constructor(codec: SlotCodec<T>) {
    this.#codec = codec
    this.#numbers = new Uint32Array(0)
    this.#isSet = new Uint8Array(0)
  }

  has(slot: number): boolean {
    return this.#isSet[slot] === 1
  }

  get(slot: number): T | undefined {
    return this.has(slot) ? this.#codec.read(this.#numbers, slot * this.#codec.width) : undefined
  }

  set(slot: number, value: T): void {
    assert(slot < CHANNELS_PER_DEVICE_MAX, 'a session has no more slots than a device')
    if (slot >= this.#isSet.length) this.#grow(slot + 1)
    if (!this.has(slot)) this.size += 1
    this.#isSet[slot] = 1
    this.#codec.write(this.#numbers, slot * this.#codec.width, value)
  }

  delete(slot: number): boolean {
    if (!this.has(slot)) return false
    this.#isSet[slot] = 0
    this.size -= 1
    return true
  }

  *[Symbol.iterator](): Generator<readonly [number, T]> {
    for (const slot of this.#isSet.keys()) {
      const value = this.get(slot)
      if (value !== undefined) yield [slot, value]
    }
  }

  #grow(needed: number): void {
    const slots = Math.max(needed, 2 * this.#isSet.length, SLOTS_FIRST)
    const [numbers, isSet] = [this.#numbers, this.#isSet]
    this.#numbers = new Uint32Array(slots * this.#codec.width)
    this.#numbers.set(numbers)
    this.#isSet = new Uint8Array(slots)
    this.#isSet.set(isSet)
  }
}

/** An empty one. */
export function slotMap<T>(codec: SlotCodec<T>): SlotMap<T> {
  return new SlotColumns(codec)
}

/** A number below 2^64. */
export const wholeCodec: SlotCodec<bigint> = {
  width: 2,
  write: writeWhole,
  read: readWhole,
}

export function writeWhole(numbers: Uint32Array, at: number, value: bigint): void {
  assert(value >= 0n && value < 1n << 64n, 'a whole number of 64 bits')
  numbers[at] = Number(value & 0xffff_ffffn)
  numbers[at + 1] = Number(value >> 32n)
}

export function readWhole(numbers: Uint32Array, at: number): bigint {
  return (BigInt(numbers[at + 1] ?? 0) << 32n) | BigInt(numbers[at] ?? 0)
}
