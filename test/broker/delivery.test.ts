import { afterEach, describe, expect, test } from 'vitest'
import type { RawClient } from './rawClient.ts'
import { packet, publishPacket, readPublish, subscribePacket, types } from './rawClient.ts'
import type { World, WorldOptions } from './world.ts'
import { startWorld } from './world.ts'

let world: World

async function start(options: WorldOptions = {}) {
  world = await startWorld(options)
  return world
}

afterEach(() => world.close())

const tick = 'tickpay/1/solar/pi1/up/tick'
const ack = 'tickpay/1/solar/pi1/down/ack'
const plain = { retain: false }

async function subscribed(username: string, filters: readonly string[], qos = 1) {
  const client = await world.login({ username, clientId: `${username}` })
  client.send(subscribePacket(1, filters, qos))
  const suback = await client.next(types.suback)
  return { client, granted: [...suback.body.subarray(2)] }
}

const device = () => subscribed('solar/pi1', ['tickpay/1/solar/pi1/down/+'])
const messageId = async (client: RawClient) =>
  (await client.next(types.puback)).body.readUInt16BE(0)

/** Another client's login and ping: the broker had time for whatever it was about to do. */
async function roundTrip() {
  const other = await world.login({ username: 'other/round-trip' })
  other.socket.destroy()
}

/** Everything the broker had to say until now has arrived when the answer to a ping has. */
async function drainedBy(client: RawClient) {
  client.send(packet(0xc0))
  await client.next(types.pingresp)
  return client
    .waiting()
    .filter(({ type }) => type === types.publish)
    .map(readPublish)
}

describe('messages for the gateway', () => {
  test('are acknowledged when they are dealt with, in the order they came', async () => {
    const { login, received, until } = await start({ onMessage: () => {} })
    const client = await login({ username: 'solar/pi1' })
    for (const id of [1, 2, 3]) client.send(publishPacket(tick, `${id}`, { id }))
    await until(() => received.length === 3)
    received[2]?.done()
    received[1]?.done()
    await roundTrip()
    expect(client.waiting()).toEqual([])
    received[0]?.done()
    expect([await messageId(client), await messageId(client), await messageId(client)]).toEqual([
      1, 2, 3,
    ])
  })

  test('at QoS 0 arrive and are not acknowledged', async () => {
    const { login, received, until } = await start()
    const client = await login({ username: 'solar/pi1' })
    client.send(publishPacket(tick, 'x', { qos: 0 }))
    await until(() => received.length === 1)
    expect(received[0]).toMatchObject({ session: 'solar/pi1', topic: tick, payload: 'x' })
    client.send(packet(0xc0))
    await client.next(types.pingresp)
    expect(client.waiting()).toEqual([])
  })

  // T38
  test('are 16 in flight; the rest is not read until one is dealt with', async () => {
    const { login, received, until, broker } = await start({ onMessage: () => {} })
    const client = await login({ username: 'solar/pi1' })
    for (let id = 1; id <= 40; id++) client.send(publishPacket(tick, `${id}`, { id }))
    await until(() => received.length === 16)
    expect(broker.sessions()[0]?.inFlight).toBe(16)
    await roundTrip()
    expect(received).toHaveLength(16)
    for (let next = 0; next < 40; next++) {
      await until(() => received.length > next)
      expect(received.length).toBeLessThanOrEqual(next + 16)
      received[next]?.done()
    }
    expect(await messageId(client)).toBe(1)
  })

  test('are not shown to subscribers, and neither are requests of others', async () => {
    const { login, broker, received, until } = await start()
    const { client } = await subscribed('ann@solar', ['tickpay/1/solar/#'])
    const pi1 = await login({ username: 'solar/pi1' })
    pi1.send(publishPacket(tick, 'secret'))
    const fleet = await login({ username: 'solar/_' })
    fleet.send(publishPacket('tickpay/1/solar/_/request/list', 'request'))
    await until(() => received.length === 2)
    broker.publish(ack, Buffer.from('for the device'), plain)
    expect(await drainedBy(client)).toEqual([])
  })
})

describe('who may say and hear what', () => {
  test.each([
    ['the topic of another device', publishPacket('tickpay/1/solar/pi2/up/tick', 'x')],
    ['the topic of another fleet', publishPacket('tickpay/1/wind/pi1/up/tick', 'x')],
    ['what only the gateway says', publishPacket(ack, 'x')],
    ['a topic of the broker', publishPacket('$SYS/x', 'x')],
    ['a topic that does not exist', publishPacket('tickpay/1/solar/pi1/up/gold', 'x')],
    ['a topic that is too long', publishPacket(`tickpay/1/solar/pi1/${'x'.repeat(200)}`, 'x')],
    ['a topic that is too deep', publishPacket(`tickpay/1/${'a/'.repeat(20)}b`, 'x')],
    ['a retained tick', publishPacket(tick, 'x', { retain: true })],
  ])('a device that publishes %s is closed', async (_name, bytes) => {
    const { login, received, broker } = await start()
    const watcher = await subscribed('ann@solar', ['tickpay/1/solar/#'])
    const client = await login({ username: 'solar/pi1' })
    client.send(bytes)
    await client.closed
    expect(received).toEqual([])
    expect(await drainedBy(watcher.client)).toEqual([])
    expect(broker.sessions().map(({ id }) => id)).toEqual(['solar/_/ann/ann@solar'])
  })

  test.each([
    ['solar/pi1', '#'],
    ['solar/pi1', '+/1/solar/pi1/down/ack'],
    ['solar/pi1', 'tickpay/1/solar/+/down/ack'],
    ['solar/pi1', 'tickpay/1/solar/pi2/down/+'],
    ['solar/pi1', 'tickpay/1/solar/pi1/#'],
    ['solar/pi1', '$SYS/#'],
    ['solar/pi1', '$share/g/tickpay/1/solar/pi1/down/+'],
    ['ann@solar', '#'],
    ['ann@solar', 'tickpay/#'],
    ['ann@solar', 'tickpay/1/+/_/status'],
    ['ann@solar', 'tickpay/1/wind/#'],
    ['ann@solar', '$SYS/#'],
    ['solar/_', 'tickpay/1/+/#'],
  ])('%s may not subscribe to %s', async (username, filter) => {
    await start()
    expect((await subscribed(username, [filter])).granted).toEqual([128])
  })

  // T42
  test('a fleet sees its own tree and never what is between a device and the gateway', async () => {
    const { broker } = await start()
    const { client, granted } = await subscribed('ann@solar', ['tickpay/1/solar/#'])
    expect(granted).toEqual([1])
    for (const topic of [
      'tickpay/1/wind/_/status',
      'tickpay/1/solar/pi1/down/ack',
      'tickpay/1/solar/_/status',
    ]) {
      broker.publish(topic, Buffer.from(topic), plain)
    }
    expect((await drainedBy(client)).map(({ topic }) => topic)).toEqual([
      'tickpay/1/solar/_/status',
    ])
  })

  test('filters that overlap bring a message once, at the best quality', async () => {
    const { broker } = await start()
    const { client } = await subscribed('ann@solar', ['tickpay/1/solar/_/#'], 1)
    const filters = ['tickpay/1/solar/#', 'tickpay/1/solar/_/devices/+']
    client.send(subscribePacket(2, filters, 0))
    await client.next(types.suback)
    const topics = ['tickpay/1/solar/_/devices/pi1', 'tickpay/1/solar/pi1/state']
    for (const topic of topics) broker.publish(topic, Buffer.from('x'), plain)
    const first = await client.next(types.publish)
    const second = await client.next(types.publish)
    expect([first, second].map((one) => readPublish(one).topic)).toEqual(topics)
    expect([first.flags & 6, second.flags & 6]).toEqual([2, 0])
    expect(await drainedBy(client)).toEqual([])
  })

  test('the filters of a session end with it', async () => {
    const { broker, sessions, until } = await start()
    const { client } = await device()
    expect(broker.counters().filters).toBe(1)
    client.socket.destroy()
    await until(() => sessions.includes('- solar/pi1'))
    expect(broker.counters().filters).toBe(0)
  })

  test('after UNSUBSCRIBE nothing comes', async () => {
    const { broker } = await start()
    const { client } = await device()
    const filter = Buffer.from('tickpay/1/solar/pi1/down/+')
    client.send(packet(0xa2, Buffer.from([0, 2, 0, filter.length]), filter))
    await client.next(11)
    broker.publish(ack, Buffer.from('x'), plain)
    expect(await drainedBy(client)).toEqual([])
  })
})

describe('retained messages', () => {
  const report = (name: string) => `tickpay/1/solar/_/devices/${name}`

  test('are there for whoever subscribes later, the newest of each topic', async () => {
    const { broker } = await start()
    broker.publish(report('pi1'), Buffer.from('old'), { retain: true })
    broker.publish(report('pi1'), Buffer.from('new'), { retain: true })
    broker.publish(report('pi2'), Buffer.from('other'), { retain: true })
    broker.publish(report('pi3'), Buffer.from('gone'), { retain: true })
    broker.publish(report('pi3'), new Uint8Array(0), { retain: true })
    broker.publish('tickpay/1/wind/_/devices/w1', Buffer.from('foreign'), { retain: true })
    const { client } = await subscribed('ann@solar', ['tickpay/1/solar/#', report('+')])
    const messages = [await client.next(types.publish), await client.next(types.publish)]
    expect(messages.map(readPublish)).toEqual([
      { topic: report('pi1'), payload: 'new' },
      { topic: report('pi2'), payload: 'other' },
    ])
    expect(messages.every(({ flags }) => (flags & 1) === 1)).toBe(true)
    expect(await drainedBy(client)).toEqual([])
  })

  test('a device keeps its own state, and others see it', async () => {
    const { login, received } = await start()
    const watcher = await subscribed('ann@solar', ['tickpay/1/solar/+/state'], 0)
    const pi1 = await login({ username: 'solar/pi1' })
    pi1.send(publishPacket('tickpay/1/solar/pi1/state', 'online', { retain: true, id: 5 }))
    expect(await messageId(pi1)).toBe(5)
    const live = await watcher.client.next(types.publish)
    expect(readPublish(live).payload).toBe('online')
    expect(live.flags).toBe(0)
    const later = await subscribed('bob@solar', ['tickpay/1/solar/pi1/state'], 0)
    const replayed = await later.client.next(types.publish)
    expect(readPublish(replayed).payload).toBe('online')
    expect(replayed.flags).toBe(1)
    expect(received).toEqual([])
  })

  test('hundreds are replayed to a slow reader without filling its queue', async () => {
    const { broker } = await start()
    const names = Array.from({ length: 500 }, (_, i) => `pi${i}`)
    for (const name of names) broker.publish(report(name), Buffer.alloc(1_000), { retain: true })
    const { client } = await subscribed('ann@solar', ['tickpay/1/solar/#'])
    for (const name of names) {
      expect(readPublish(await client.next(types.publish)).topic).toBe(report(name))
    }
  })
})

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
