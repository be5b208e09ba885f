import { describe, expect, test } from 'vitest'
import { packet, publishPacket, readPublish, subscribePacket, types } from './rawClient.ts'
import { brokerScene, drainedBy, messageId, plain } from './scene.ts'

const { start, subscribed, device, roundTrip } = brokerScene()

const tick = 'tickpay/1/solar/pi1/up/tick'
const ack = 'tickpay/1/solar/pi1/down/ack'

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
