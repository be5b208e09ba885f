/**
 * Parsers do work in proportion to their input. What they read is counted, not timed, on inputs of
 * the worst shapes there are, each twice as long as the one before.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPacketReader } from '../../gateway/bridge/packetReader.ts'
import { createFramer } from '../../gateway/broker/framer.ts'
import { concatBytes } from '../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { cobsEncode, frameDecoder } from '../../protocol/frame.ts'
import { FLEET_PACKET_BYTES_MAX, PACKET_BYTES_MAX } from '../../protocol/limits.ts'
import { countTicks } from '../../protocol/tick.ts'
import { lengthBytes, publishPacket } from '../broker/rawClient.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Bytes that count how often one of them is read. */
function watched(bytes: Uint8Array): { readonly seen: Uint8Array; readonly reads: () => number } {
  let reads = 0
  const seen = new Proxy(bytes, {
    get: (target, name) => {
      if (typeof name === 'string' && /^\d+$/.test(name)) reads++
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { seen, reads: () => reads }
}

const sizes = [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536] as const

/** An array that says how many elements follow it. */
const arrayHead = (count: number) =>
  Uint8Array.of(0x9a, 0, count >> 16, (count >> 8) & 255, count & 255)

const cborShapes: readonly (readonly [string, (bytes: number) => Uint8Array])[] = [
  ['arrays in arrays', (bytes) => new Uint8Array(bytes).fill(0x81)],
  [
    'empty arrays',
    (bytes) => concatBytes(arrayHead(bytes - 5), new Uint8Array(bytes - 5).fill(0x80)),
  ],
  ['small numbers', (bytes) => concatBytes(arrayHead(bytes - 5), new Uint8Array(bytes - 5))],
  [
    'empty strings',
    (bytes) => concatBytes(arrayHead(bytes - 5), new Uint8Array(bytes - 5).fill(0x60)),
  ],
  ['counts that are not there', (bytes) => new Uint8Array(bytes).fill(0x9b)],
  ['one long string', (bytes) => encodeCbor('x'.repeat(bytes - 5))],
  [
    'a string longer than all',
    (bytes) => concatBytes(Uint8Array.of(0x5a, 255, 255, 255, 255), new Uint8Array(bytes)),
  ],
  ['wide numbers', (bytes) => concatBytes(arrayHead(bytes >> 3), new Uint8Array(bytes).fill(0x1b))],
]

describe('T40', () => {
  test.each(cborShapes)('of %s', (_, shape) => {
    expect(shape(256).length).toBeGreaterThan(200)
  })

  test('the CBOR decoder reads each byte a bounded number of times', () => {
    for (const [name, shape] of cborShapes) {
      for (const size of sizes) {
        const { seen, reads } = watched(shape(size))
        decodeCbor(seen, 2 * FLEET_PACKET_BYTES_MAX)
        expect(reads(), `${name}, ${size} bytes`).toBeLessThanOrEqual(5 * (size + 16))
      }
    }
  })

  test('what is too long is not read at all', () => {
    const { seen, reads } = watched(new Uint8Array(PACKET_BYTES_MAX + 1).fill(0x81))
    expect(decodeCbor(seen)).toBeUndefined()
    expect(countTicks(new Uint8Array(42 * 65))).toBeUndefined()
    expect(reads()).toBe(0)
  })
})

/** Bytes copied by `set` while `work` runs: how buffers are joined. */
function copiedBy(work: () => void): number {
  let copied = 0
  const set = Uint8Array.prototype.set
  vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (this: Uint8Array, from, at) {
    copied += from.length
    return set.call(this, from, at)
  })
  work()
  vi.restoreAllMocks()
  return copied
}

describe('T33, T37: the framer', () => {
  const small = publishPacket('tickpay/1/acme/ev-1/up/tick', new Uint8Array(42))

  /** Lets everything through that is complete. */
  function drain(framer: ReturnType<typeof createFramer>): number {
    let packets = 0
    for (let frame = framer.peek(); frame.kind === 'packet'; frame = framer.peek()) {
      framer.pass()
      packets++
    }
    framer.compact()
    return packets
  }

  test('copies next to nothing of packets that come many in a read', () => {
    for (const count of [100, 200, 400, 800]) {
      const bytes = concatBytes(...Array.from({ length: count }, () => small))
      const framer = createFramer(PACKET_BYTES_MAX)
      let packets = 0
      const copied = copiedBy(() => {
        for (let at = 0; at < bytes.length; at += 1_000) {
          framer.push(bytes.subarray(at, at + 1_000))
          packets += drain(framer)
        }
      })
      expect(packets).toBe(count)
      expect(copied).toBeLessThanOrEqual(2 * bytes.length)
    }
  })

  test('holds and copies a packet and no more for a piece, however small it is', () => {
    const body = 4_000
    const packet = concatBytes(Uint8Array.of(0x30), lengthBytes(body), new Uint8Array(body))
    const framer = createFramer(PACKET_BYTES_MAX)
    for (const byte of packet.subarray(0, -1)) {
      const copied = copiedBy(() => framer.push(Uint8Array.of(byte)))
      expect(copied).toBeLessThanOrEqual(PACKET_BYTES_MAX + 5)
      expect(drain(framer)).toBe(0)
      expect(framer.held()).toBeLessThanOrEqual(PACKET_BYTES_MAX + 5)
    }
    framer.push(packet.subarray(-1))
    expect(drain(framer)).toBe(1)
    expect(framer.held()).toBe(0)
  })
})

test('the reader of broker packets copies each packet about once when they come in reads', () => {
  const packet = publishPacket('tickpay/1/acme/ev-1/up/tick', new Uint8Array(42))
  for (const count of [100, 200, 400, 800]) {
    const bytes = concatBytes(...Array.from({ length: count }, () => packet))
    let messages = 0
    const copied = copiedBy(() => {
      const reader = createPacketReader(FLEET_PACKET_BYTES_MAX, {
        onMessage: () => messages++,
        onTooLong: () => {},
        onAnswer: () => {},
      })
      for (let at = 0; at < bytes.length; at += 1_000) reader.push(bytes.subarray(at, at + 1_000))
    })
    expect(messages).toBe(count)
    expect(copied).toBeLessThanOrEqual(2 * bytes.length)
  }
})

test('the firmware link keeps one frame, whatever noise comes byte by byte', () => {
  const noise = concatBytes(new Uint8Array(100_000).fill(0x55), Uint8Array.of(0))
  const decoder = frameDecoder()
  const copied = copiedBy(() => {
    for (const byte of noise) expect(decoder.push(Uint8Array.of(byte))).toEqual([])
  })
  expect(copied).toBeLessThanOrEqual(cobsEncode(new Uint8Array(64)).length)
  expect(decoder.badFrames()).toBe(1)
})
