import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAcks } from '../../../../gateway/broker/acks.ts'
import { createFilterIndex, matchesFilter } from '../../../../gateway/broker/filterIndex.ts'
import { createFramer } from '../../../../gateway/broker/framer.ts'
import { createOutbox } from '../../../../gateway/broker/outbox.ts'
import { createRetained } from '../../../../gateway/broker/retained.ts'
import { createSeats } from '../../../../gateway/broker/seats.ts'
import { fullBucket, takeTokens } from '../../../../gateway/broker/tokenBucket.ts'
import { concatBytes, utf8ToBytes } from '../../../../protocol/bytes.ts'

describe('the framer', () => {
  const publish = (length: number) => {
    const header = length < 128 ? [0x30, length] : [0x30, (length % 128) | 128, length >> 7]
    return concatBytes(new Uint8Array(header), new Uint8Array(length))
  }

  test('finds the same packets however the bytes are cut, and hands them on unchanged', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { minLength: 1, maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (lengths, cuts) => {
          const stream = concatBytes(...lengths.map(publish))
          const framer = createFramer(400)
          const found: number[] = []
          const out: Uint8Array[] = []
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const size = cuts[cut % cuts.length] ?? 1
            framer.push(stream.slice(at, at + size))
            at += size
            for (let one = framer.peek(); one.kind === 'packet'; one = framer.peek()) {
              found.push(one.end - one.start)
              out.push(one.bytes.slice(one.start, one.end))
              framer.pass()
            }
            framer.compact()
            expect(framer.held()).toBeLessThan(400)
          }
          expect(found).toEqual(lengths.map((length) => publish(length).length))
          expect(concatBytes(...out)).toEqual(stream)
        },
      ),
    )
  })

  test('refuses as soon as the length is known to be too long', () => {
    const framer = createFramer(4_096)
    framer.push(new Uint8Array([0x30, 0xff]))
    expect(framer.peek()).toEqual({ kind: 'partial' })
    framer.push(new Uint8Array([0xff]))
    expect(framer.peek()).toEqual({ kind: 'refused', why: 'packet_too_long' })
  })

  test('takes exactly its limit, and a raised one at once', () => {
    const framer = createFramer(10)
    framer.push(publish(10))
    expect(framer.peek()).toMatchObject({ kind: 'packet' })
    const longer = createFramer(10)
    longer.push(publish(11))
    expect(longer.peek()).toEqual({ kind: 'refused', why: 'packet_too_long' })
    longer.setLimit(11)
    expect(longer.peek()).toMatchObject({ kind: 'packet' })
  })

  test('knows which packets a client may send', () => {
    const allowed = Array.from({ length: 16 }, (_, type) => type).filter((type) => {
      const framer = createFramer(10)
      framer.push(new Uint8Array([type << 4, 0]))
      return framer.peek().kind === 'packet'
    })
    expect(allowed).toEqual([1, 3, 4, 8, 10, 12, 14])
  })
})

/** MQTT's rule, written as a regular expression. */
function expected(filter: string, topic: string): boolean {
  const pattern = filter.replace(/\/#$/, '(/.*)?').replace(/^#$/, '.*').replaceAll('+', '[^/]*')
  return new RegExp(`^${pattern}$`).test(topic)
}

const level = fc.constantFrom('a', 'b', '')
const topics = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'))
const filters = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '/#'),
  )
  .map(([levels, end]) => levels.join('/') + end)

describe('filters', () => {
  test('match as MQTT says', () => {
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        expect(matchesFilter(filter, topic)).toBe(expected(filter, topic))
      }),
      { numRuns: 2_000 },
    )
  })

  test('an index finds what matches and nothing else, also after removals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(filters, fc.nat(3), fc.boolean()), { maxLength: 30 }),
        topics,
        (changes, topic) => {
          const index = createFilterIndex<number>()
          const model = new Set<string>()
          for (const [filter, subscriber, add] of changes) {
            const key = `${subscriber} ${filter}`
            if (add) index.add(filter, subscriber)
            else index.remove(filter, subscriber)
            if (add) model.add(key)
            else model.delete(key)
          }
          const found: string[] = []
          index.match(topic, (subscriber, filter) => found.push(`${subscriber} ${filter}`))
          const wanted = [...model].filter((key) => matchesFilter(key.slice(2), topic))
          expect(found.sort()).toEqual(wanted.sort())
          expect(index.size()).toBe(model.size)
        },
      ),
    )
  })
})

describe('retained messages', () => {
  const deep = fc
    .tuple(fc.constantFrom('f', 'g'), topics)
    .map(([fleet, rest]) => `tickpay/1/${fleet}/${rest}`)
  const wide = fc.oneof(
    fc.constantFrom('#', 'tickpay/#', 'tickpay/1/+/a', 'tickpay/1/f', 'tickpay/1/f/#'),
    fc
      .tuple(fc.constantFrom('f', 'g'), filters)
      .map(([fleet, rest]) => `tickpay/1/${fleet}/${rest}`),
  )

  test('are found by every filter that matches, each topic once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(deep, fc.nat(2)), { maxLength: 30 }),
        fc.array(wide, { minLength: 1, maxLength: 3 }),
        (writes, asked) => {
          const retained = createRetained(1_000)
          const model = new Map<string, number>()
          for (const [topic, length] of writes) {
            retained.set(topic, new Uint8Array(length))
            if (length > 0) model.set(topic, length)
            else model.delete(topic)
          }
          const wanted = [...model.keys()].filter((topic) =>
            asked.some((filter) => matchesFilter(filter, topic)),
          )
          expect([...retained.match(asked)].sort()).toEqual(wanted.sort())
          expect(retained.size()).toBe(model.size)
          for (const [topic, length] of model) expect(retained.get(topic)?.length).toBe(length)
        },
      ),
    )
  })

  test('are bounded; known topics can still change', () => {
    const retained = createRetained(1)
    expect(retained.set('a', utf8ToBytes('1'))).toBe(true)
    expect(retained.set('b', utf8ToBytes('1'))).toBe(false)
    expect(retained.set('a', utf8ToBytes('2'))).toBe(true)
    expect(retained.set('a', new Uint8Array(0))).toBe(true)
    expect(retained.set('b', utf8ToBytes('1'))).toBe(true)
  })
})

describe('the outbox', () => {
  const message = (topic: string, replaces?: string) => ({
    topic,
    payload: new Uint8Array(0),
    qos: 1 as const,
    replaces,
  })

  test('keeps order; a newer message drives out the one it replaces, and comes last', () => {
    const outbox = createOutbox(10)
    outbox.push(message('a'))
    outbox.push(message('ack 1', 'ack'))
    outbox.push(message('b'))
    expect(outbox.push(message('ack 2', 'ack'))).toBe('replaced')
    const order = [outbox.shift(), outbox.shift(), outbox.shift(), outbox.shift()]
    expect(order.map((one) => one?.topic)).toEqual(['a', 'b', 'ack 2', undefined])
    expect(outbox.push(message('ack 3', 'ack'))).toBe('queued')
  })

  test('is full at its limit, except for replacements', () => {
    const outbox = createOutbox(2)
    expect([outbox.push(message('a')), outbox.push(message('ack', 'ack'))]).toEqual([
      'queued',
      'queued',
    ])
    expect(outbox.push(message('b'))).toBe('full')
    expect(outbox.push(message('ack', 'ack'))).toBe('replaced')
    expect(outbox.length()).toBe(2)
  })

  test('is full when too much waits for all clients together, until something leaves', () => {
    const all = { bytes: 0, bytesMax: 100 }
    const [one, other] = [createOutbox(10, all), createOutbox(10, all)]
    const of = (bytes: number, replaces?: string) => {
      return { ...message('a', replaces), payload: new Uint8Array(bytes) }
    }
    expect([one.push(of(60, 'ack')), other.push(of(50)), other.push(of(40))]).toEqual([
      ...['queued', 'full', 'queued'],
    ])
    expect([one.push(of(61, 'ack')), one.push(of(20, 'ack')), other.push(of(40))]).toEqual([
      ...['full', 'replaced', 'queued'],
    ])
    expect(all.bytes).toBe(100)
    other.shift()
    expect(all.bytes).toBe(60)
    other.clear()
    one.shift()
    expect([all.bytes, one.length(), other.length()]).toEqual([0, 0, 0])
  })
})

test('acknowledgements leave in the order of the messages, however they are settled', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 30 }), (order) => {
      const acks = createAcks()
      const sent: number[] = []
      const settle = Array.from({ length: 10 }, (_, index) => acks.expect(() => sent.push(index)))
      const settled = new Set<number>()
      for (const index of order) {
        settle[index]?.()
        settled.add(index)
        const firstMissing = Array.from({ length: 10 }, (_, i) => i).findIndex(
          (i) => !settled.has(i),
        )
        const wanted = firstMissing === -1 ? 10 : firstMissing
        expect(sent).toEqual(Array.from({ length: wanted }, (_, i) => i))
        expect(acks.waiting()).toBe(10 - wanted)
      }
    }),
  )
})

describe('the token bucket', () => {
  test('lets a burst through, then its pace, and says how long to wait', () => {
    const bucket = fullBucket(125, 200, 0)
    for (let i = 0; i < 200; i++) expect(takeTokens(bucket, 1, 0)).toBe(0)
    expect(takeTokens(bucket, 1, 0)).toBe(8)
    expect(takeTokens(bucket, 1, 6)).toBe(2)
    expect(takeTokens(bucket, 1, 8)).toBe(0)
    expect(takeTokens(bucket, 10, 8)).toBe(80)
  })

  test('never admits more than burst plus pace', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100), { maxLength: 200 }), (gaps) => {
        const bucket = fullBucket(10, 5, 0)
        let nowMs = 0
        let taken = 0
        for (const gap of gaps) {
          nowMs += gap
          if (takeTokens(bucket, 1, nowMs) === 0) taken += 1
        }
        expect(taken).toBeLessThanOrEqual(5 + (nowMs * 10) / 1_000)
      }),
    )
  })
})

test('seats: one holder per id, a bounded number per place, the newest stays', () => {
  const seats = createSeats<string>()
  const seat = (id: string) => ({ id, place: 'ann', seats: 2 })
  expect(seats.take(seat('a'), 'first a')).toEqual([])
  expect(seats.take(seat('b'), 'b')).toEqual([])
  expect(seats.take(seat('a'), 'second a')).toEqual(['first a'])
  expect(seats.take(seat('c'), 'c')).toEqual(['b'])
  seats.leave(seat('a'), 'first a')
  expect([...seats.all()].sort()).toEqual(['c', 'second a'])
  seats.leave(seat('a'), 'second a')
  expect(seats.get('a')).toBeUndefined()
  expect(seats.take(seat('d'), 'd')).toEqual([])
})
