import { describe, expect, test } from 'vitest'
import {
  connectPacket,
  lengthBytes,
  packet,
  publishPacket,
  subscribePacket,
  text,
  types,
} from './rawClient.ts'
import { brokerScene } from './scene.ts'

const { start, world } = brokerScene()

const tick = 'tickpay/1/solar/pi1/up/tick'

describe('the length gate', () => {
  /** The first bytes of a packet that claims `length` more, and some of them. */
  const claim = (first: number, length: number) =>
    Buffer.concat([Buffer.from([first]), lengthBytes(length), Buffer.alloc(100)])

  test.each([
    ['CONNECT', 0x10],
    ['PUBLISH', 0x30],
  ])('closes on a %s of 200 MB before login, at its header', async (_name, first) => {
    const { raw, broker } = await start()
    const client = await raw()
    client.send(claim(first, 200_000_000))
    await client.closed
    expect(broker.counters().closed).toEqual({ packet_too_long: 1 })
  })

  // T33
  test('closes on 200 MB after login, at its header; honest clients do not notice', async () => {
    const { login, broker, received, until } = await start()
    const honest = await login({ username: 'solar/pi2' })
    const client = await login({ username: 'solar/pi1' })
    client.send(claim(0x30, 200_000_000))
    await client.closed
    expect(broker.counters().closed).toEqual({ packet_too_long: 1 })
    honest.send(publishPacket('tickpay/1/solar/pi2/up/tick', 'x'))
    await until(() => received.length === 1)
  })

  test('closes on a packet that follows the CONNECT before it was answered', async () => {
    const { raw, broker, until } = await start({ authenticate: () => new Promise(() => {}) })
    const client = await raw()
    client.send(
      connectPacket({ clientId: 'solar/pi1', username: 'solar/pi1', password: 'good' }),
      claim(0x30, 200_000_000),
    )
    await client.closed
    await until(() => broker.counters().connections === 0)
    expect(broker.counters().closed).toEqual({ packet_too_long: 1 })
  })

  test('a device may send 4 KiB and not one byte more', async () => {
    const { login, received, until, broker } = await start()
    const overhead = 2 + tick.length + 2
    const client = await login({ username: 'solar/pi1' })
    client.send(publishPacket(tick, Buffer.alloc(4_096 - overhead)))
    await until(() => received.length === 1)
    client.send(publishPacket(tick, Buffer.alloc(4_097 - overhead)))
    await client.closed
    expect(received).toHaveLength(1)
    expect(broker.counters().closed).toEqual({ packet_too_long: 1 })
  })

  test('the fleet itself may send 64 KiB after login', async () => {
    const { login, received, until, broker } = await start()
    const topic = 'tickpay/1/solar/_/request/list'
    const overhead = 2 + topic.length + 2
    const fleet = await login({ username: 'solar/_' })
    fleet.send(publishPacket(topic, Buffer.alloc(65_536 - overhead)))
    await until(() => received.length === 1)
    fleet.send(publishPacket(topic, Buffer.alloc(65_537 - overhead)))
    await fleet.closed
    expect(broker.counters().closed).toEqual({ packet_too_long: 1 })
  })

  test('a length of five bytes is malformed', async () => {
    const { raw, broker } = await start()
    const client = await raw()
    client.send(Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x01]))
    await client.closed
    expect(broker.counters().closed).toEqual({ malformed_packet: 1 })
  })

  test('packets arrive whole however the bytes are cut', async () => {
    const { login, received, until } = await start()
    const client = await login({ username: 'solar/pi1' })
    client.socket.setNoDelay(true)
    const bytes = Buffer.concat([1, 2, 3].map((id) => publishPacket(tick, `tick ${id}`, { id })))
    for (const byte of bytes) {
      await new Promise<void>((resolve) => {
        client.socket.write(Buffer.from([byte]), () => resolve())
      })
    }
    await until(() => received.length === 3)
    expect(received.map(({ payload }) => payload)).toEqual(['tick 1', 'tick 2', 'tick 3'])
  })
})

describe('packets that are not for a broker', () => {
  test.each([
    ['PUBLISH before CONNECT', publishPacket(tick, 'x'), 'unexpected_packet'],
    ['CONNACK', packet(0x20, Buffer.from([0, 0])), 'unknown_packet'],
    ['type 0', packet(0x00), 'unknown_packet'],
    ['AUTH', packet(0xf0), 'unknown_packet'],
  ])('%s closes before login', async (_name, bytes, reason) => {
    const { raw, broker } = await start()
    const client = await raw()
    client.send(bytes)
    await client.closed
    expect(broker.counters().closed).toEqual({ [reason]: 1 })
  })

  test.each([
    ['a second CONNECT', connectPacket({ clientId: 'solar/pi1' }), 'unexpected_packet'],
    ['QoS 2', publishPacket(tick, 'x', { qos: 2 }), 'qos_2'],
    ['QoS 3', Buffer.concat([Buffer.from([0x36]), publishPacket(tick, 'x').subarray(1)]), 'qos_2'],
    ['PUBREL', packet(0x62, Buffer.from([0, 1])), 'unknown_packet'],
    ['an empty topic', publishPacket('', 'x'), 'foreign_topic'],
    ['a wildcard topic', publishPacket('tickpay/1/solar/pi1/up/+', 'x'), 'foreign_topic'],
    ['a SUBSCRIBE that ends early', packet(0x82, Buffer.from([0, 1, 0, 9])), 'protocol_error'],
    ['a filter of 9 levels', subscribePacket(1, ['a/b/c/d/e/f/g/h/i']), 'protocol_error'],
  ])('%s closes after login', async (_name, bytes, reason) => {
    const { login, broker, received } = await start()
    const client = await login({ username: 'solar/pi1' })
    client.send(bytes)
    await client.closed
    expect(received).toEqual([])
    const reasons = Object.keys(broker.counters().closed)
    expect(reasons).toHaveLength(1)
    expect([reason, 'protocol_error']).toContain(reasons[0])
  })

  test('nothing after a violation in the same read is taken', async () => {
    const { login, received, broker } = await start()
    const client = await login({ username: 'solar/pi1' })
    client.send(publishPacket('tickpay/1/solar/pi2/up/tick', 'foreign'), publishPacket(tick, 'own'))
    await client.closed
    expect(received).toEqual([])
    expect(broker.counters().closed).toEqual({ foreign_topic: 1 })
  })
})

describe('deadlines', () => {
  const fast = { limits: { connectDeadlineMs: 60 } }

  test('a connection that says nothing is closed', async () => {
    const { raw, broker } = await start(fast)
    await (await raw()).closed
    expect(broker.counters().closed).toEqual({ connect_deadline: 1 })
  })

  // T34
  test('the deadline does not move with each byte', async () => {
    const { raw, broker } = await start(fast)
    const client = await raw()
    const bytes = connectPacket({ clientId: 'solar/pi1', username: 'solar/pi1', password: 'good' })
    let sent = 0
    const trickle = setInterval(() => client.send(bytes.subarray(sent, ++sent)), 5)
    await client.closed
    clearInterval(trickle)
    expect(sent).toBeLessThan(bytes.length)
    expect(broker.counters().closed).toEqual({ connect_deadline: 1 })
  })

  test('it covers the check of the login too', async () => {
    const { raw, broker } = await start({ ...fast, authenticate: () => new Promise(() => {}) })
    const client = await raw()
    client.send(connectPacket({ clientId: 'solar/pi1', username: 'solar/pi1', password: 'good' }))
    await client.closed
    expect(broker.counters().closed).toEqual({ connect_deadline: 1 })
  })

  test('it ends with the login', async () => {
    const { login, sessions, received, until } = await start({
      limits: { connectDeadlineMs: 500 },
    })
    const client = await login({ username: 'solar/pi1' })
    const waiting = await world().raw()
    await waiting.closed
    client.send(publishPacket(tick, 'x'))
    await until(() => received.length === 1)
    expect(sessions).toEqual(['+ solar/pi1'])
  })

  test.each([0, 121, 65_535])('a keepalive of %d s is refused', async (keepalive) => {
    const { raw, broker } = await start()
    const client = await raw()
    client.send(
      connectPacket({ clientId: 'solar/pi1', username: 'solar/pi1', password: 'good', keepalive }),
    )
    expect((await client.next(types.connack)).body[1]).toBe(5)
    await client.closed
    expect(Object.keys(broker.counters().refused)).toEqual([
      keepalive === 0 ? 'no_keepalive' : 'keepalive_too_long',
    ])
  })

  test('a client that is silent for one and a half keepalives is closed', async () => {
    const { login, broker } = await start({ limits: { keepaliveSecondsMin: 0 } })
    const client = await login({ username: 'solar/pi1', keepalive: 1 })
    await client.closed
    expect(broker.counters().closed).toEqual({ keepalive: 1 })
  })

  test('pings keep a session', async () => {
    const { login, broker, raw } = await start({
      limits: { keepaliveSecondsMin: 0, connectDeadlineMs: 1_700 },
    })
    const client = await login({ username: 'solar/pi1', keepalive: 1 })
    const pings = setInterval(() => client.send(packet(0xc0)), 300)
    await (await raw()).closed
    clearInterval(pings)
    expect(broker.sessions().map(({ id }) => id)).toEqual(['solar/pi1'])
    expect(client.waiting().some(({ type }) => type === types.pingresp)).toBe(true)
  })
})

describe('numbers of connections', () => {
  // T35
  test('connections that have not logged in are bounded, and a login frees one', async () => {
    const { raw, login, broker, until } = await start({ limits: { pendingConnectionsMax: 2 } })
    const first = await raw()
    await raw()
    await until(() => broker.counters().connections === 2)
    const third = await raw()
    await third.closed
    expect(broker.counters().refused).toEqual({ too_many: 1 })
    first.socket.destroy()
    await until(() => broker.counters().connections === 1)
    await login({ username: 'solar/pi1' })
    await login({ username: 'solar/pi2' })
  })

  test('all connections are bounded', async () => {
    const { raw, login } = await start({ limits: { connectionsMax: 1 } })
    await login({ username: 'solar/pi1' })
    await (await raw()).closed
  })
})

// T39
test('filters of one session are bounded', async () => {
  const { login } = await start({ limits: { filtersPerSessionMax: 2 } })
  const client = await login({ username: 'ann@solar' })
  const filters = ['a', 'b', 'c', 'b'].map((name) => `tickpay/1/solar/_/devices/${name}`)
  for (const [index, filter] of filters.entries()) {
    client.send(subscribePacket(index + 1, [filter]))
    const suback = await client.next(types.suback)
    expect(suback.body[2]).toBe(index === 2 ? 128 : 1)
  }
})

test('a name that an object inherits is only a name', async () => {
  const { login } = await start()
  const client = await login({ username: 'ann@solar', clientId: '__proto__' })
  client.send(packet(0x82, Buffer.from([0, 1]), text('constructor'), Buffer.from([1])))
  expect((await client.next(types.suback)).body[2]).toBe(128)
})
