import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createPacketIds } from '../../../../gateway/broker/packetIds.ts'
import { createPubacks } from '../../../../gateway/broker/pubacks.ts'
import {
  countLevels,
  isTopic,
  newPublishParts,
  PUBLISH_OVERHEAD_BYTES_MAX,
  readPuback,
  readPublish,
  writePuback,
  writePublish,
} from '../../../../gateway/broker/publishPacket.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { lengthBytes, publishPacket } from '../../../broker/rawClient.ts'

const topics = fc.stringMatching(/^[a-z/]{1,40}$/)
const bodyOf = (bytes: Uint8Array) => {
  let at = 1
  while ((bytes[at] ?? 0) >= 0x80) at += 1
  return at + 1
}

describe('a PUBLISH', () => {
  test('is written as every client writes it, and read back', () => {
    fc.assert(
      fc.property(
        topics,
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(0 as const, 1 as const),
        fc.boolean(),
        fc.integer({ min: 1, max: 65_535 }),
        fc.nat(20),
        (text, payload, qos, retain, packetId, start) => {
          const topic = utf8ToBytes(text)
          const room = PUBLISH_OVERHEAD_BYTES_MAX + topic.length + payload.length
          const into = new Uint8Array(start + room)
          const end = writePublish(into, start, { qos, retain, topic, packetId }, payload)
          const written = into.subarray(start, end)
          const expected = publishPacket(text, payload, { qos, retain, id: packetId })
          expect(Buffer.from(written).equals(expected)).toBe(true)
          const parts = newPublishParts()
          const body = start + bodyOf(written)
          expect(readPublish(into, written[0] ?? 0, body, end, parts)).toBe(true)
          expect(parts).toMatchObject({ qos, retain, packetId: qos * packetId })
          expect(isTopic(into, parts.topicStart, parts.topicEnd, topic)).toBe(true)
          expect([...into.subarray(parts.payloadStart, end)]).toEqual([...payload])
        },
      ),
    )
  })

  test('that is cut short at any byte is malformed, and never read beyond its end', () => {
    const whole = publishPacket('a/b', new Uint8Array(0), { id: 258 })
    for (let end = 2; end < whole.length; end++) {
      expect(readPublish(whole, 0x32, 2, end, newPublishParts())).toBe(false)
    }
    expect(readPublish(whole, 0x32, 2, whole.length, newPublishParts())).toBe(true)
  })

  test('needs a packet id at QoS 1 and no DUP at QoS 0; there is no QoS 2 or 3', () => {
    const bytes = Buffer.concat([Buffer.from([0, 1]), Buffer.from('a'), Buffer.from([0, 0, 1])])
    const read = (first: number) => readPublish(bytes, first, 0, bytes.length, newPublishParts())
    expect([0x30, 0x31, 0x32, 0x38, 0x3a, 0x34, 0x36].map(read)).toEqual([
      ...[true, true],
      ...[false, false, false, false, false],
    ])
    bytes[4] = 1
    expect([0x32, 0x33, 0x3a].map(read)).toEqual([true, true, true])
  })

  test.each([
    ['', -1],
    ['a', 1],
    ['a/b/c', 3],
    ['/', 2],
    ['a/#', -1],
    ['a/+/b', -1],
  ])('the topic %j has its levels', (text, levels) => {
    const bytes = utf8ToBytes(`xx${text}xx`)
    expect(countLevels(bytes, 2, 2 + text.length)).toBe(levels)
  })

  test('is of a topic only when every byte is the same', () => {
    const topic = utf8ToBytes('a/b/tick')
    const at = (text: string) => isTopic(utf8ToBytes(text), 0, text.length, topic)
    expect(['a/b/tick', 'b/b/tick', 'a/b/ticl', 'a/b/tic', 'a/b/ticks'].map(at)).toEqual([
      true,
      ...[false, false, false, false],
    ])
  })
})

test('a PUBACK has two bytes and no flags', () => {
  const bytes = new Uint8Array(6)
  expect(writePuback(bytes, 1, 0x1234)).toBe(5)
  expect([...bytes]).toEqual([0, 0x40, ...lengthBytes(2), 0x12, 0x34, 0])
  expect(readPuback(bytes, 0x40, 3, 5)).toBe(0x1234)
  expect([readPuback(bytes, 0x42, 3, 5), readPuback(bytes, 0x40, 3, 6)]).toEqual([0, 0])
})

describe('packet ids', () => {
  test('are never given while unacknowledged, in whatever order acknowledgements come', () => {
    const step = fc.oneof(
      fc.constant({ kind: 'take' as const, pick: 0 }),
      fc.nat(1_000).map((pick) => ({ kind: 'release' as const, pick })),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const ids = createPacketIds(8)
        const out: number[] = []
        for (const { kind, pick } of steps) {
          if (kind === 'take') {
            expect(ids.hasRoom() || out.length > 0).toBe(true)
            const id = ids.take()
            if (id === 0) continue
            expect(out).not.toContain(id)
            out.push(id)
            expect(out.length).toBeLessThanOrEqual(8)
          } else if (out.length > 0) {
            const [id = 0] = out.splice(pick % out.length, 1)
            expect([ids.release(id), ids.release(id)]).toEqual([true, false])
          }
        }
        for (const id of out) expect(ids.release(id)).toBe(true)
        expect(ids.hasRoom()).toBe(true)
      }),
    )
  })

  test('go around after 65,535 and skip 0', () => {
    const ids = createPacketIds(2)
    const seen: number[] = []
    for (let round = 0; round < 65_537; round++) {
      const id = ids.take()
      if (round < 2 || round > 65_532) seen.push(id)
      ids.release(id)
    }
    expect(seen).toEqual([1, 2, 65_534, 65_535, 1, 2])
  })

  test('that were not given cannot be acknowledged', () => {
    const ids = createPacketIds(4)
    expect([0, 1, 65_535].map(ids.release)).toEqual([false, false, false])
    expect(ids.take()).toBe(1)
    expect([2, 0, 1, 1].map(ids.release)).toEqual([false, false, true, false])
  })

  test('run out: there are no more than allowed', () => {
    const ids = createPacketIds(2)
    expect([ids.take(), ids.take(), ids.take(), ids.hasRoom()]).toEqual([1, 2, 0, false])
    // The window moves with its oldest message.
    expect([ids.release(2), ids.hasRoom(), ids.release(1), ids.take()]).toEqual([
      ...[true, false],
      ...[true, 3],
    ])
  })
})

describe('acknowledgements', () => {
  test('leave in the order of the messages, settled alone or together', () => {
    const messages = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 })
    const order = fc.array(fc.tuple(fc.boolean(), fc.nat(40), fc.nat(40)), { maxLength: 60 })
    fc.assert(
      fc.property(messages, order, (together, settlements) => {
        const sent: number[] = []
        const told: number[] = []
        const send = (id: number) => sent.push(id)
        const pubacks = createPubacks({ send, onSent: () => told.push(sent.length) })
        const tickets = together.map((isTogether, at) =>
          isTogether ? pubacks.expectTogether(at + 1) : pubacks.expect(at + 1),
        )
        const settled = new Set<number>()
        for (const [alone, from, to] of settlements) {
          if (alone && together[from] === false) {
            pubacks.settle(tickets[from] ?? -1)
            settled.add(from)
          } else if (!alone) {
            pubacks.settleTogether(from, to)
            for (let at = from; at < to; at++) if (together[at]) settled.add(at)
          }
          const missing = together.findIndex((_, at) => !settled.has(at))
          const wanted = missing === -1 ? together.length : missing
          expect(sent).toEqual(Array.from({ length: wanted }, (_, at) => at + 1))
          expect(pubacks.waiting()).toBe(together.length - wanted)
        }
        expect(told).toEqual([...new Set(told)])
      }),
    )
  })

  test('of a client that is gone are never sent', () => {
    const sent: number[] = []
    const pubacks = createPubacks({ send: (id) => sent.push(id), onSent: () => sent.push(-1) })
    const first = pubacks.expect(1)
    const second = pubacks.expectTogether(2)
    pubacks.clear()
    pubacks.settle(first)
    pubacks.settleTogether(first, second + 1)
    expect([sent, pubacks.waiting()]).toEqual([[], 0])
  })
})
