import { afterEach, describe, expect, test } from 'vitest'
import type { RawClient } from './rawClient.ts'
import { packet, publishPacket, subscribePacket, types } from './rawClient.ts'
import type { World, WorldOptions } from './world.ts'
import { startWorld, testLane } from './world.ts'

let world: World

/** A broker with the short way for ticks, and one device that has logged in. */
async function startLane(options: WorldOptions = {}) {
  const lane = testLane()
  world = await startWorld({ lane, onMessage: () => {}, ...options })
  const client = await world.login({ username: 'solar/pi1' })
  return { ...world, ...lane, client }
}

afterEach(() => world.close())

const tick = 'tickpay/1/solar/pi1/up/tick'
const commit = 'tickpay/1/solar/pi1/up/commit'
const tickPacket = (id: number) => publishPacket(tick, `t${id}`, { id })
const commitPacket = (id: number) => publishPacket(commit, `c${id}`, { id })

async function pubacks(client: RawClient, count: number): Promise<readonly number[]> {
  const ids: number[] = []
  while (ids.length < count) ids.push((await client.next(types.puback)).body.readUInt16BE(0))
  return ids
}

/** What the broker had to say until now has arrived with the answer to a ping. */
async function answered(client: RawClient): Promise<readonly number[]> {
  client.send(packet(0xc0))
  await client.next(types.pingresp)
  return client
    .waiting()
    .filter(({ type }) => type === types.puback)
    .map(({ body }) => body.readUInt16BE(0))
}

describe('ticks on their short way', () => {
  test('are taken at once and acknowledged when their batch is durable', async () => {
    const { client, ticks, commit, until, received, broker } = await startLane()
    client.send(tickPacket(1), tickPacket(2))
    await until(() => ticks.length === 2)
    expect(await answered(client)).toEqual([])
    expect(broker.sessions()[0]?.inFlight).toBe(2)
    commit()
    expect(await pubacks(client, 2)).toEqual([1, 2])
    expect(ticks).toEqual(['t1', 't2'])
    expect(received).toEqual([])
    expect(broker.counters().messagesIn).toBe(2)
    expect(broker.sessions()[0]?.inFlight).toBe(0)
  })

  test('of a later batch are not acknowledged with the one before', async () => {
    const lane = testLane()
    const durable: (() => void)[] = []
    const whenDurable = (run: () => void) => durable.push(run)
    let number = 7
    const slow = { ...lane, whenDurable, batch: () => number }
    const { client, until } = await startLane({ lane: slow })
    client.send(tickPacket(1), tickPacket(2))
    await until(() => lane.ticks.length === 2)
    number += 1
    client.send(tickPacket(3))
    await until(() => lane.ticks.length === 3)
    expect(durable).toHaveLength(2)
    durable[0]?.()
    expect(await pubacks(client, 2)).toEqual([1, 2])
    expect(await answered(client)).toEqual([])
    durable[1]?.()
    expect(await pubacks(client, 1)).toEqual([3])
  })

  test('that are durable as soon as they are taken are all acknowledged', async () => {
    const lane = { ...testLane(), whenDurable: (run: () => void) => run() }
    const { client } = await startLane({ lane })
    client.send(...[1, 2, 3].map(tickPacket))
    expect(await pubacks(client, 3)).toEqual([1, 2, 3])
  })

  test('and other messages are acknowledged in the order they came', async () => {
    const { client, ticks, commit, until, received } = await startLane()
    client.send(tickPacket(1), commitPacket(2), tickPacket(3), commitPacket(4), tickPacket(5))
    await until(() => ticks.length === 3 && received.length === 2)
    received[1]?.done()
    commit()
    expect(await pubacks(client, 1)).toEqual([1])
    expect(await answered(client)).toEqual([])
    received[0]?.done()
    expect(await pubacks(client, 4)).toEqual([2, 3, 4, 5])
  })

  test('are as many in flight as other messages', async () => {
    const { client, ticks, commit, until } = await startLane({ limits: { inFlightMax: 3 } })
    client.send(...[1, 2, 3, 4, 5].map(tickPacket))
    await until(() => ticks.length === 3)
    expect(world.broker.sessions()[0]?.inFlight).toBe(3)
    commit()
    await until(() => ticks.length === 5)
    commit()
    expect(await pubacks(client, 5)).toEqual([1, 2, 3, 4, 5])
  })

  test('count for the message rate', async () => {
    const { client, ticks, broker, until } = await startLane({
      limits: { messagesPerSecond: 100, messagesBurst: 2 },
    })
    client.send(...[1, 2, 3, 4].map(tickPacket))
    await until(() => ticks.length === 4)
    expect(broker.counters().pauses).toBeGreaterThan(0)
  })

  test('only go there at QoS 1, and never where they may not', async () => {
    const { client, ticks, until, received, broker } = await startLane()
    client.send(publishPacket(tick, 'plain', { qos: 0 }))
    await until(() => received.length === 1)
    expect(received[0]?.topic).toBe(tick)
    client.send(publishPacket('tickpay/1/solar/pi2/up/tick', 'foreign'))
    await client.closed
    const retained = await world.login({ username: 'solar/pi1' })
    retained.send(publishPacket(tick, 'kept', { retain: true }))
    await retained.closed
    expect(broker.counters().closed).toEqual({ foreign_topic: 1, retained_message: 1 })
    expect(ticks).toEqual([])
  })

  test('are acknowledged before a session is closed', async () => {
    const { client, ticks, commit, until, broker } = await startLane()
    client.send(tickPacket(1))
    await until(() => ticks.length === 1)
    broker.disconnect('solar/pi1', 'strikes')
    commit()
    await client.closed
    expect(client.waiting().map(({ body }) => body.readUInt16BE(0))).toEqual([1])
  })

  test('of a session that has ended may become durable later', async () => {
    const { client, ticks, commit, until, sessions, login } = await startLane()
    client.send(tickPacket(1))
    await until(() => ticks.length === 1)
    client.socket.destroy()
    await until(() => sessions.includes('- solar/pi1'))
    commit()
    const again = await login({ username: 'solar/pi1' })
    expect(await answered(again)).toEqual([])
  })
})

describe('packets of one read', () => {
  test('nothing behind a violation is looked at', async () => {
    const { client, ticks, broker } = await startLane()
    const foreign = publishPacket('tickpay/1/solar/pi2/up/tick', 'x', { id: 2 })
    client.send(tickPacket(1), foreign, tickPacket(3))
    await client.closed
    expect(ticks).toEqual(['t1'])
    expect(broker.counters().closed).toEqual({ foreign_topic: 1 })
  })

  test.each([
    ['a topic that is longer than the packet', Buffer.from([0x32, 4, 0, 9, 0x61, 0x62])],
    ['no packet id', Buffer.from([0x32, 3, 0, 1, 0x61])],
    ['the packet id 0', publishPacket(tick, 'x', { id: 0 })],
    ['DUP at QoS 0', Buffer.concat([Buffer.from([0x38, 5, 0, 3]), Buffer.from('abc')])],
    ['nothing at all', Buffer.from([0x30, 0])],
    ['a PUBACK without packet id', Buffer.from([0x40, 0])],
    ['a PUBACK with flags', Buffer.from([0x42, 2, 0, 1])],
  ])('a packet with %s closes as malformed', async (_name, bytes) => {
    const { client, ticks, received, broker } = await startLane()
    client.send(tickPacket(1), bytes, tickPacket(2))
    await client.closed
    expect(broker.counters().closed).toEqual({ malformed_packet: 1 })
    expect([ticks, received]).toEqual([['t1'], []])
  })

  test('a DISCONNECT comes after what was before it, and nothing comes after it', async () => {
    const { login, ticks, until, sessions, broker } = await startLane()
    const will = { topic: 'tickpay/1/solar/pi3/state', payload: 'lost', qos: 1 }
    const watcher = await login({ username: 'ann@solar' })
    watcher.send(subscribePacket(1, ['tickpay/1/solar/#']))
    await watcher.next(types.suback)
    const polite = await login({ username: 'solar/pi3', will })
    const own = (id: number) => publishPacket('tickpay/1/solar/pi3/up/tick', `t${id}`, { id })
    polite.send(own(1), own(2), packet(0xe0), own(3))
    await polite.closed
    await until(() => sessions.includes('- solar/pi3'))
    expect(ticks).toEqual(['t1', 't2'])
    expect(broker.counters().closed).toEqual({})
    watcher.send(packet(0xc0))
    await watcher.next(types.pingresp)
    expect(watcher.waiting()).toEqual([])
  })

  test('ticks of a client that ends its side of the connection count', async () => {
    const { client, ticks, until, sessions } = await startLane({ limits: { inFlightMax: 2 } })
    client.socket.end(Buffer.concat([1, 2].map(tickPacket)))
    await until(() => sessions.includes('- solar/pi1'))
    expect(ticks).toEqual(['t1', 't2'])
  })

  test('a message finds the subscriptions of the packets before it', async () => {
    const lane = testLane()
    const ack = 'tickpay/1/solar/pi1/down/ack'
    world = await startWorld({
      lane,
      onMessage: ({ done, payload }) => {
        const bytes = Buffer.from(payload)
        world.broker.publish(ack, bytes, { retain: false, sessionId: 'solar/pi1' })
        done()
      },
    })
    const client = await world.login({ username: 'solar/pi1' })
    const filter = Buffer.from('tickpay/1/solar/pi1/down/+')
    const unsubscribe = packet(0xa2, Buffer.from([0, 3, 0, filter.length]), filter)
    client.send(
      commitPacket(1),
      subscribePacket(2, [filter.toString(), '#']),
      commitPacket(2),
      unsubscribe,
      commitPacket(3),
      packet(0xa2, Buffer.from([0, 4])),
      commitPacket(4),
    )
    expect(await pubacks(client, 4)).toEqual([1, 2, 3, 4])
    const rest = client.waiting()
    expect(rest.map(({ type }) => type)).toEqual([9, 3, 11, 11])
    expect(rest[1]?.body.subarray(-2).toString()).toBe('c2')
  })
})

test('ticks alone keep a session, and silence ends it', async () => {
  const { client, ticks, until, broker, commit } = await startLane({
    limits: { keepaliveSecondsMin: 0 },
  })
  const other = await world.login({ username: 'solar/pi2', keepalive: 1 })
  client.socket.destroy()
  const from = performance.now()
  const own = publishPacket('tickpay/1/solar/pi2/up/tick', 'x')
  const sending = setInterval(() => {
    if (!other.socket.destroyed) other.send(own)
    commit()
  }, 200)
  await until(() => performance.now() - from > 2_500)
  expect(ticks.length).toBeGreaterThan(5)
  expect(broker.sessions().map(({ id }) => id)).toEqual(['solar/pi2'])
  clearInterval(sending)
  await other.closed
  expect(broker.counters().closed).toEqual({ keepalive: 1 })
})

test('retained messages follow the SUBACK, each under an id of its own', async () => {
  world = await startWorld()
  const topics = Array.from({ length: 300 }, (_, at) => `tickpay/1/solar/_/devices/pi${at}`)
  for (const topic of topics) world.broker.publish(topic, Buffer.from('x'), { retain: true })
  const client = await world.login({ username: 'ann@solar' })
  client.send(subscribePacket(1, ['tickpay/1/solar/#']))
  const ids = new Set<number>()
  for (const topic of topics) {
    const { flags, body } = await client.next(types.publish)
    expect(flags).toBe(3)
    ids.add(body.readUInt16BE(2 + topic.length))
    if (ids.size === 1) expect(client.waiting()[0]?.type).toBe(types.suback)
  }
  expect(ids.size).toBe(topics.length)
  expect(ids.has(0)).toBe(false)
})
