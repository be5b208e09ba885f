import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex, concatBytes, utf8ToBytes } from '../../../protocol/bytes.ts'
import {
  cobsDecode,
  cobsEncode,
  crc32,
  encodeFrame,
  frameBodyBytesMax,
  frameDecoder,
} from '../../../protocol/frame.ts'
import {
  decodeHostMessage,
  decodeStatus,
  encodeHostMessage,
  encodeStatus,
  type HostMessage,
  type Status,
} from '../../../protocol/frameMessages.ts'
import { cpuMs } from '../../support/cpuTime.ts'

const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const body = fc.uint8Array({ minLength: 4, maxLength: frameBodyBytesMax - 4 })

const hostMessage: fc.Arbitrary<HostMessage> = fc.oneof(
  fc.record({ kind: fc.constant('query' as const), sequence: u16 }),
  fc.record({ kind: fc.constant('supply_off' as const), sequence: u16 }),
  fc.record({ kind: fc.constant('supply_on' as const), sequence: u16, untilRegister: u64 }),
)

const status: fc.Arbitrary<Status> = fc
  .record({
    sequence: u16,
    deviceId: u64,
    bootId: u32,
    uptimeMs: u64,
    counter: u64,
    relayLimit: u64,
    counterBits: fc.constantFrom(32 as const, 64 as const),
    unit: fc.constantFrom('Wh' as const, 'mL' as const, 's' as const, 'kB' as const),
    relayClosed: fc.boolean(),
    counterLost: fc.boolean(),
    pulsesStuck: fc.boolean(),
    relayFailed: fc.boolean(),
    flowing: fc.boolean(),
  })
  .map((any) => ({ ...any, counter: BigInt.asUintN(any.counterBits, any.counter) }))

describe('cobs', () => {
  test('comes back unchanged and holds no zero', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const encoded = cobsEncode(bytes)
        expect(encoded.includes(0)).toBe(false)
        expect(cobsDecode(encoded)).toEqual(bytes)
      }),
    )
  })

  test.each([
    ['', '01'],
    ['00', '0101'],
    ['0000', '010101'],
    ['11220033', '0311220233'],
    ['11000000', '0211010101'],
  ])('%s becomes %s', (plain, encoded) => {
    expect(bytesToHex(cobsEncode(Buffer.from(plain, 'hex')))).toBe(encoded)
  })

  test('runs of 254 and 255 bytes without a zero', () => {
    for (const length of [253, 254, 255, 508, 509]) {
      const bytes = new Uint8Array(length).fill(7)
      expect(cobsDecode(cobsEncode(bytes))).toEqual(bytes)
    }
    expect(cobsEncode(new Uint8Array(254).fill(7))).toHaveLength(255)
  })

  test('a distance that leads outside is refused', () => {
    expect(cobsDecode(Uint8Array.of(5, 1, 2))).toBeUndefined()
    expect(cobsDecode(Uint8Array.of(0))).toBeUndefined()
  })
})

test('crc32 of the usual check string', () => {
  expect(crc32(utf8ToBytes('123456789'))).toBe(0xcbf43926)
})

describe('frame decoder', () => {
  test('frames come through in whatever pieces the line delivers them', () => {
    fc.assert(
      fc.property(fc.array(body, { maxLength: 8 }), fc.infiniteStream(u16), (bodies, sizes) => {
        const line = concatBytes(...bodies.map(encodeFrame))
        const decoder = frameDecoder()
        const seen: Uint8Array[] = []
        for (let at = 0; at < line.length; ) {
          const size = 1 + (Number(sizes.next().value) % 9)
          seen.push(...decoder.push(line.subarray(at, at + size)))
          at += size
        }
        expect(seen).toEqual(bodies)
        expect(decoder.badFrames()).toBe(0)
      }),
    )
  })

  test('noise of any kind is no frame, is counted, and the next frame arrives', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), body, (noise, good) => {
        const decoder = frameDecoder()
        expect(decoder.push(noise)).toEqual([])
        expect(decoder.push(encodeFrame(good))).toEqual([good])
        const runs = noise
          .join(' ')
          .split(/\b0\b/)
          .filter((run) => run.trim() !== '')
        expect(decoder.badFrames()).toBe(runs.length)
      }),
    )
  })

  test('one changed byte is never a frame', () => {
    fc.assert(
      fc.property(body, fc.nat(), fc.integer({ min: 1, max: 255 }), (good, where, change) => {
        const line = encodeFrame(good)
        const at = where % line.length
        line[at] = (line[at] ?? 0) ^ change
        // A changed delimiter lets the frame end only with the next delimiter: push none.
        expect(frameDecoder().push(line)).toEqual(at === 0 ? expect.anything() : [])
      }),
    )
  })

  test('a frame longer than the limit is skipped whole', () => {
    const decoder = frameDecoder()
    const long = cobsEncode(new Uint8Array(frameBodyBytesMax + 2).fill(1))
    expect(decoder.push(concatBytes(long, Uint8Array.of(0)))).toEqual([])
    expect(decoder.badFrames()).toBe(1)
    expect(() => encodeFrame(new Uint8Array(frameBodyBytesMax))).toThrow(RangeError)
  })

  test('two million bytes of noise stay bounded and quick', async () => {
    const decoder = frameDecoder()
    const run = () => {
      for (let i = 0; i < 20; i++) decoder.push(new Uint8Array(100_000).fill(1 + i))
    }
    expect(await cpuMs(run)).toBeLessThan(1_000)
    expect(decoder.badFrames()).toBe(0)
  })
})

describe('messages', () => {
  const carried = (line: Uint8Array) => frameDecoder().push(line)[0] ?? new Uint8Array()

  test('every host message comes back', () => {
    fc.assert(
      fc.property(hostMessage, (message) => {
        expect(decodeHostMessage(carried(encodeHostMessage(message)))).toEqual(message)
      }),
    )
  })

  test('every status comes back', () => {
    fc.assert(
      fc.property(status, (any) => {
        expect(decodeStatus(carried(encodeStatus(any)))).toEqual(any)
      }),
    )
  })

  test('no bytes make the decoders throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        decodeHostMessage(bytes)
        decodeStatus(bytes)
      }),
    )
  })

  test('what is not in the document is no message', () => {
    const query = carried(encodeHostMessage({ kind: 'query', sequence: 1 }))
    expect(decodeHostMessage(Uint8Array.of(2, ...query.slice(1)))).toBeUndefined()
    expect(decodeHostMessage(Uint8Array.of(1, 9, 0, 1))).toBeUndefined()
    expect(decodeHostMessage(concatBytes(query, Uint8Array.of(0)))).toBeUndefined()
    expect(decodeStatus(query)).toBeUndefined()
  })

  test('a status with fields out of range is no status', () => {
    const [any] = fc.sample(status, 1)
    if (any === undefined) throw new Error('no sample')
    const good = carried(encodeStatus({ ...any, counterBits: 32, counter: 5n }))
    const changes: [number, number][] = [
      [24, 1],
      [40, 31],
      [41, 9],
      [42, 2],
      [43, 16],
      [0, 2],
      [1, 1],
    ]
    for (const [at, value] of changes) {
      const bad = Uint8Array.from(good)
      bad[at] = value
      expect(decodeStatus(bad), `byte ${at}`).toBeUndefined()
    }
  })
})
