/** Clients that do not keep the pace: they send too fast, or read too slowly. */
import { describe, expect, test } from 'vitest'
import { packet, publishPacket, readPublish, subscribePacket, types } from './rawClient.ts'
import { brokerScene, drainedBy, plain } from './scene.ts'

const { start, subscribed, device, roundTrip } = brokerScene()

const tick = 'tickpay/1/solar/pi1/up/tick'
const ack = 'tickpay/1/solar/pi1/down/ack'

describe('a subscriber that does not read', () => {
  const big = Buffer.alloc(3_000, 'x')

  /** Publishes until the operating system's own buffers are full and messages wait here. */
  async function fill(publish: (count: number) => void, queued: () => number) {
    for (let count = 0; queued() < 20 && count < 100_000; count++) {
      publish(count)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  test('gets the newest acks instead of all, and costs no more than its queue', async () => {
    const { broker } = await start()
    const { client } = await device()
    client.socket.pause()
    const queued = () => broker.sessions()[0]?.queued ?? 0
    let published = 0
    await fill((count) => {
      published = count
      broker.publish(ack, Buffer.concat([Buffer.from(`${count};`), big]), {
        retain: false,
        replaces: `${count % 40}`,
      })
    }, queued)
    for (let i = 0; i < 5_000; i++) {
      broker.publish(ack, Buffer.from(`${++published};`), { retain: false, replaces: '0' })
    }
    expect(queued()).toBeLessThanOrEqual(64 + 8)
    client.socket.resume()
    let last = ''
    while (last !== `${published}`) {
      last = readPublish(await client.next(types.publish)).payload.split(';')[0] ?? ''
    }
    expect(broker.counters().messagesReplaced).toBeGreaterThanOrEqual(4_999)
    expect(broker.sessions()).toHaveLength(1)
  })

  test('is closed when nothing in its queue can be replaced, and holds up nobody', async () => {
    const { broker, until } = await start()
    const { client } = await device()
    const other = await subscribed('ann@solar', ['tickpay/1/solar/_/status'])
    client.socket.pause()
    const queued = () => broker.sessions().find(({ id }) => id === 'solar/pi1')?.queued ?? 99
    await fill(() => broker.publish(ack, big, plain), queued)
    broker.publish('tickpay/1/solar/_/status', Buffer.from('flows'), plain)
    expect(readPublish(await other.client.next(types.publish)).payload).toBe('flows')
    for (let i = 0; i < 100; i++) broker.publish(ack, big, plain)
    await until(() => broker.counters().connections === 1)
    expect(broker.counters().closed).toEqual({ queue_full: 1 })
  })

  // T37
  test('is closed when too much waits for all together; those who read are served', async () => {
    const limits = { waitingBytesMax: 20 * big.length }
    const { broker, until } = await start({ limits })
    const { client } = await device()
    const reader = await subscribed('solar/pi2', ['tickpay/1/solar/pi2/down/+'])
    client.socket.pause()
    const isThere = () => broker.sessions().some(({ id }) => id === 'solar/pi1')
    for (let i = 0; isThere() && i < 100_000; i++) {
      broker.publish(ack, big, { retain: false, replaces: `receipt ${i % 40}` })
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => broker.counters().connections === 1)
    expect(broker.counters().closed).toEqual({ queue_full: 1 })
    broker.publish('tickpay/1/solar/pi2/down/ack', Buffer.from('flows'), plain)
    expect(readPublish(await reader.client.next(types.publish)).payload).toBe('flows')
  })

  // T37
  test('is closed after the drain timeout', async () => {
    const { broker, until } = await start({ limits: { drainTimeoutMs: 50 } })
    const { client } = await device()
    client.socket.pause()
    let waiting = 0
    await fill(
      () => broker.publish(ack, big, { retain: false, replaces: `${waiting++ % 30}` }),
      () => (broker.counters().connections === 0 ? 99 : (broker.sessions()[0]?.queued ?? 0)),
    )
    await until(() => broker.counters().connections === 0)
    expect(broker.counters().closed).toEqual({ drain_timeout: 1 })
  })
})

describe('a client that sends too fast', () => {
  const slow = { limits: { messagesPerSecond: 200, messagesBurst: 20, inFlightMax: 1_000 } }

  test('is read more slowly, loses nothing and is not closed', async () => {
    const { login, received, until, broker } = await start(slow)
    const client = await login({ username: 'solar/pi1' })
    const began = performance.now()
    for (let id = 1; id <= 60; id++) client.send(publishPacket(tick, `${id}`, { id }))
    await until(() => received.length === 60)
    expect(performance.now() - began).toBeGreaterThanOrEqual((1_000 * (60 - 20)) / 200 - 20)
    expect(received.map(({ payload }) => Number(payload))).toEqual(
      Array.from({ length: 60 }, (_, i) => i + 1),
    )
    expect(broker.counters().pauses).toBeGreaterThan(0)
    expect(broker.counters().closed).toEqual({})
  })

  // T37
  test('does not slow down another', async () => {
    const { login, received, until } = await start({
      limits: { ...slow.limits, messagesPerSecond: 1 },
    })
    const flood = await login({ username: 'solar/pi1' })
    for (let id = 1; id <= 100; id++) flood.send(publishPacket(tick, `${id}`, { id }))
    await until(() => received.length === 20)
    const honest = await login({ username: 'solar/pi2' })
    honest.send(publishPacket('tickpay/1/solar/pi2/up/tick', 'honest'))
    await until(() => received.some(({ payload }) => payload === 'honest'))
    expect(received).toHaveLength(21)
  })

  test('fills its own buffers and not ours', async () => {
    const { login, broker } = await start({
      limits: { ...slow.limits, messagesPerSecond: 1 },
    })
    const client = await login({ username: 'solar/pi1' })
    const messages = Buffer.concat(
      Array.from({ length: 250 }, () => publishPacket(tick, Buffer.alloc(4_000), { qos: 0 })),
    )
    for (let sent = 0; sent < 40; sent++) client.socket.write(messages)
    // The operating system takes some megabytes; when no more moves, the rest is still with the
    // client.
    let moved = true
    while (moved) {
      const before = client.socket.writableLength
      for (let i = 0; i < 10; i++) await roundTrip()
      moved = client.socket.writableLength !== before
    }
    expect(client.socket.writableLength).toBeGreaterThan(20_000_000)
    expect(broker.sessions().map(({ id }) => id)).toContain('solar/pi1')
  })

  test('of subscriptions and pings is slowed down too', async () => {
    const { login, broker, until } = await start({
      limits: { controlBurst: 21, controlPerSecond: 1 },
    })
    const client = await login({ username: 'ann@solar' })
    for (let id = 1; id <= 5; id++) client.send(subscribePacket(id, ['tickpay/1/solar/#']))
    await client.next(types.suback)
    await client.next(types.suback)
    await until(() => broker.counters().pauses === 1)
    client.send(packet(0xc0))
    await roundTrip()
    expect(client.waiting()).toEqual([])
  })

  test('acknowledging what the broker sent costs nothing', async () => {
    const { broker } = await start({ limits: { controlBurst: 20, controlPerSecond: 1 } })
    const { client } = await device()
    for (let i = 0; i < 100; i++) {
      broker.publish(ack, Buffer.from(`${i}`), plain)
      const { body } = await client.next(types.publish)
      const at = 2 + body.readUInt16BE(0)
      client.send(packet(0x40, body.subarray(at, at + 2)))
    }
    expect(await drainedBy(client)).toEqual([])
    expect(broker.counters().pauses).toBe(0)
  })
})
