/**
 * What a packet costs that arrives in small pieces: bytes that are copied, however many pieces
 * there are.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPacketReader } from '../../../../gateway/bridge/packetReader.ts'
import { createFramer } from '../../../../gateway/broker/framer.ts'
import { createHeldBytes } from '../../../../gateway/broker/heldBytes.ts'
import { publishPacket } from '../../../broker/rawClient.ts'

const payloadBytes = 65_000
/** To the new buffer, and once for each time that the room doubles. */
const copiesMax = 4

afterEach(() => vi.restoreAllMocks())

/** Bytes that `work` copies from one array into another. */
function copiedBy(work: () => void): number {
  let copied = 0
  const original = Uint8Array.prototype.set
  vi.spyOn(Uint8Array.prototype, 'set').mockImplementation(function (
    this: Uint8Array,
    from: ArrayLike<number>,
    offset?: number,
  ) {
    copied += from.length
    original.call(this, from, offset)
  })
  work()
  return copied
}

function eachPiece(bytes: Uint8Array, size: number, push: (piece: Uint8Array) => void): void {
  for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size))
}

const payload = Buffer.from(Array.from({ length: payloadBytes }, (_, at) => at % 251))
const large = publishPacket('tickpay/1/acme/_/request/x', payload, { id: 1 })

describe.each([1, 7, 1_000])('a packet of 64 KiB in pieces of %i bytes', (size) => {
  // T34
  test('is copied a few times by the framer', () => {
    const framer = createFramer(65_536)
    const copied = copiedBy(() => {
      eachPiece(large, size, (piece) => {
        expect(framer.peek().kind).toBe('partial')
        framer.push(piece)
        framer.compact()
      })
    })
    const frame = framer.peek()
    expect(frame.kind).toBe('packet')
    if (frame.kind === 'packet') {
      expect(Buffer.from(frame.bytes.subarray(frame.start, frame.end)).equals(large)).toBe(true)
    }
    expect(copied).toBeLessThan(copiesMax * large.length)
  })

  test('is copied a few times by the reader of an external broker', () => {
    const seen: Buffer[] = []
    const reader = createPacketReader(65_536, {
      onMessage: ({ bytes, payloadStart, payloadEnd }) => {
        seen.push(Buffer.from(bytes.subarray(payloadStart, payloadEnd)))
      },
      onTooLong: () => {},
      onAnswer: () => {},
    })
    const twice = Buffer.concat([large, large])
    const copied = copiedBy(() => {
      eachPiece(twice, size, (piece) => expect(reader.push(piece)).toBeUndefined())
    })
    expect(seen.map((one) => one.equals(payload))).toEqual([true, true])
    expect(copied).toBeLessThan(copiesMax * twice.length)
  })
})

describe('held bytes', () => {
  test('many small packets in one read are not copied again for each that is passed', () => {
    const framer = createFramer(4_096)
    const one = publishPacket('a/b', 'x', { id: 1 })
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => one))
    let packets = 0
    const copied = copiedBy(() => {
      framer.push(many)
      while (framer.peek().kind === 'packet') {
        packets += 1
        framer.pass()
        framer.compact()
      }
    })
    expect([packets, framer.held()]).toEqual([1_000, 0])
    expect(copied).toBeLessThan(copiesMax * many.length)
  })

  test('what was read is not overwritten by what comes later', () => {
    const held = createHeldBytes()
    held.push(Uint8Array.of(1, 2))
    held.push(Uint8Array.of(3))
    const early = held.bytes().subarray(held.start(), held.end())
    held.drop(held.end())
    held.push(Uint8Array.of(9))
    held.push(Uint8Array.of(9))
    expect([...early]).toEqual([1, 2, 3])
  })

  test('room is at most twice what is held', () => {
    const held = createHeldBytes()
    for (let count = 0; count < 5_000; count++) held.push(Uint8Array.of(count % 256))
    expect(held.bytes().length).toBeLessThanOrEqual(2 * 5_000)
    held.drop(4_990)
    held.compact()
    expect(held.bytes().length).toBeLessThan(100)
    expect(held.end() - held.start()).toBe(10)
  })
})
