import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../ports/operatorError.ts'
import {
  connectPacket,
  packet,
  publishPacket,
  readPublish,
  subscribePacket,
  types,
} from './rawClient.ts'
import { brokerScene } from './scene.ts'

const { start, world } = brokerScene()

const tick = 'tickpay/1/solar/pi1/up/tick'
const state = 'tickpay/1/solar/pi1/state'

/** The CONNACK code for a login, and the client. */
async function tryLogin(fields: Parameters<typeof connectPacket>[0]) {
  const client = await world().raw()
  client.send(connectPacket({ username: fields.clientId, password: 'good', ...fields }))
  const connack = await client.next(types.connack)
  return { client, code: connack.body[1], sessionPresent: connack.body[0] }
}

/** A person's tool that watches the fleet. */
async function watcher() {
  const client = await world().login({ username: 'ann@solar' })
  client.send(subscribePacket(1, ['tickpay/1/solar/#']))
  await client.next(types.suback)
  return async () => readPublish(await client.next(types.publish))
}

describe('logging in', () => {
  test.each([
    ['a wrong password', { clientId: 'solar/pi1', password: 'bad' }, 4, 'bad_credential'],
    ['another client id', { clientId: 'solar/pi2', username: 'solar/pi1' }, 2, 'bad_client_id'],
    ['an old protocol', { clientId: 'solar/pi1', level: 3 }, undefined, 'not_mqtt_3_1_1'],
  ])('%s is refused with its code', async (_name, fields, code, reason) => {
    const { raw, broker, sessions } = await start()
    const client = await raw()
    client.send(connectPacket({ username: fields.clientId, password: 'good', ...fields }))
    if (code !== undefined) expect((await client.next(types.connack)).body[1]).toBe(code)
    await client.closed
    const reasons = Object.keys({ ...broker.counters().refused, ...broker.counters().closed })
    if (code !== undefined) expect(reasons).toContain(reason)
    expect(sessions).toEqual([])
  })

  test('a check that fails is "not available", and the next one may succeed', async () => {
    let calls = 0
    await start({
      authenticate: async () => {
        calls += 1
        if (calls === 1) throw new Error('the store is slow')
        return { kind: 'device', fleet: 'solar', device: 'pi1' }
      },
    })
    expect((await tryLogin({ clientId: 'solar/pi1' })).code).toBe(3)
    expect((await tryLogin({ clientId: 'solar/pi1' })).code).toBe(0)
  })

  test('a listener lets in only its roles', async () => {
    const { broker } = await start({ roles: ['device'] })
    expect((await tryLogin({ clientId: 'solar/_' })).code).toBe(5)
    expect((await tryLogin({ clientId: 'x', username: 'ann@solar' })).code).toBe(5)
    expect((await tryLogin({ clientId: 'solar/pi1' })).code).toBe(0)
    expect(broker.counters().refused).toEqual({ wrong_listener: 2 })
  })

  test('messages sent right behind the CONNECT wait for the login', async () => {
    const { raw, received, until, sessions } = await start()
    const client = await raw()
    client.send(
      connectPacket({ clientId: 'solar/pi1', username: 'solar/pi1', password: 'good' }),
      publishPacket(tick, 'early', { id: 7 }),
    )
    await until(() => received.length === 1)
    expect(sessions).toEqual(['+ solar/pi1'])
    expect((await client.next(types.puback)).body.readUInt16BE(0)).toBe(7)
  })

  // T38
  test('no session is kept for a client that is away', async () => {
    const { broker, sessions, until, login } = await start()
    const client = await login({ username: 'solar/pi1', clean: false })
    client.send(subscribePacket(1, ['tickpay/1/solar/pi1/down/+']))
    await client.next(types.suback)
    client.socket.destroy()
    await until(() => sessions.includes('- solar/pi1'))
    broker.publish('tickpay/1/solar/pi1/down/ack', new Uint8Array(1), { retain: false })
    const again = await tryLogin({ clientId: 'solar/pi1', clean: false })
    expect(again.sessionPresent).toBe(0)
    again.client.send(packet(0xc0))
    await again.client.next(types.pingresp)
    expect(again.client.waiting()).toEqual([])
  })
})

describe('taking over', () => {
  test('the newest connection of an identity has the session', async () => {
    const { login, sessions, broker, received, until } = await start()
    const old = await login({ username: 'solar/pi1' })
    const young = await login({ username: 'solar/pi1' })
    await old.closed
    expect(sessions).toEqual(['+ solar/pi1', '- solar/pi1', '+ solar/pi1'])
    young.send(publishPacket(tick, 'x'))
    await until(() => received.length === 1)
    expect(broker.sessions()).toHaveLength(1)
    expect(broker.counters().takeovers).toBe(1)
  })

  test('many at once leave one', async () => {
    const { login, sessions, broker, until } = await start()
    await Promise.allSettled(Array.from({ length: 20 }, () => login({ username: 'solar/pi1' })))
    await until(() => broker.counters().connections === 1 && broker.sessions().length === 1)
    expect(broker.sessions().map(({ id }) => id)).toEqual(['solar/pi1'])
    const balance = sessions.reduce((sum, line) => sum + (line.startsWith('+') ? 1 : -1), 0)
    expect(balance).toBe(1)
    expect(sessions.at(-1)).toBe('+ solar/pi1')
  })

  // T21
  test('nobody takes over without passing the check', async () => {
    const { sessions, login, received, until } = await start()
    const honest = await login({ username: 'solar/pi1' })
    for (const fields of [
      { clientId: 'solar/pi1', password: 'bad' },
      { clientId: 'solar/pi1', username: 'solar/pi2' },
      { clientId: 'solar/pi1', username: 'wind/pi1' },
      { clientId: 'solar/pi1', keepalive: 0 },
      { clientId: 'solar/pi1', will: { topic: 'tickpay/1/solar/pi2/state', payload: 'x' } },
    ]) {
      const { client, code } = await tryLogin(fields)
      expect(code).not.toBe(0)
      await client.closed
    }
    honest.send(publishPacket(tick, 'still here'))
    await until(() => received.length === 1)
    expect(sessions).toEqual(['+ solar/pi1'])
  })

  test('a person may use a device id as client id and takes over nothing', async () => {
    const { sessions, login, received, until } = await start()
    const honest = await login({ username: 'solar/pi1' })
    await login({ username: 'ann@solar', clientId: 'solar/pi1' })
    honest.send(publishPacket(tick, 'still here'))
    await until(() => received.length === 1)
    expect(sessions).toEqual(['+ solar/pi1', '+ solar/_/ann/solar/pi1'])
  })

  // T46
  test('a session with a wrong clock takes over nobody, hears the time, and ends', async () => {
    const { sessions, login, broker, received, until } = await start({
      limits: { staleSessionMs: 500 },
    })
    const honest = await login({ username: 'solar/pi1' })
    const stale = await login({ username: 'solar/pi1', password: 'late' })
    stale.send(subscribePacket(1, ['tickpay/1/solar/pi1/down/+']))
    expect((await stale.next(types.suback)).body[2]).toBe(1)
    for (const name of ['slot', 'ack', 'welcome']) {
      broker.publish(`tickpay/1/solar/pi1/down/${name}`, Buffer.from(name), { retain: false })
    }
    expect(readPublish(await stale.next(types.publish)).payload).toBe('welcome')
    const sessionId = sessions.find((line) => line.includes('?'))?.slice(2) ?? ''
    const topic = 'tickpay/1/solar/pi1/down/welcome'
    broker.publish(topic, Buffer.from('other'), { retain: false, sessionId: 'solar/pi1' })
    broker.publish(topic, Buffer.from('own'), { retain: false, sessionId })
    expect(readPublish(await stale.next(types.publish)).payload).toBe('own')
    await stale.closed
    honest.send(publishPacket(tick, 'still here'))
    await until(() => received.length === 1)
    expect(sessions.filter((line) => line.endsWith('solar/pi1'))).toEqual(['+ solar/pi1'])
  })

  test('a session with a wrong clock may not pay', async () => {
    const { login, received } = await start()
    const stale = await login({ username: 'solar/pi1', password: 'late' })
    stale.send(publishPacket(tick, 'x'))
    await stale.closed
    expect(received).toEqual([])
  })

  test('sessions with wrong clocks and tools of one person are bounded', async () => {
    const { login, broker } = await start({
      limits: { staleSessionsPerDeviceMax: 1, sessionsPerReaderMax: 2 },
    })
    const stale = await login({ username: 'solar/pi1', password: 'late' })
    await login({ username: 'solar/pi1', password: 'late' })
    await stale.closed
    const tools = [
      await login({ username: 'ann@solar', clientId: 'a' }),
      await login({ username: 'ann@solar', clientId: 'b' }),
      await login({ username: 'ann@solar', clientId: 'c' }),
    ]
    await tools[0]?.closed
    expect(broker.sessions().map(({ identity }) => identity.kind)).toEqual([
      'stale_clock',
      'reader',
      'reader',
    ])
  })
})

describe('last wills', () => {
  const will = { topic: state, payload: 'lost', retain: true, qos: 1 }

  test.each([
    ['of another device', { ...will, topic: 'tickpay/1/solar/pi2/state' }],
    ['of another topic', { ...will, topic: tick }],
    ['that is too long', { ...will, payload: 'x'.repeat(257) }],
    ['with QoS 2', { ...will, qos: 2 }],
  ])('a will %s is refused at CONNECT', async (_name, bad) => {
    await start()
    const { client, code } = await tryLogin({ clientId: 'solar/pi1', will: bad })
    expect(code).toBe(5)
    await client.closed
    expect(world().broker.counters().refused).toEqual({ bad_will: 1 })
  })

  test('is published and retained when the connection is lost', async () => {
    const { login, until, sessions } = await start()
    const next = await watcher()
    const device = await login({ username: 'solar/pi1', will })
    device.socket.destroy()
    expect(await next()).toEqual({ topic: state, payload: 'lost' })
    await until(() => sessions.includes('- solar/pi1'))
    expect(await (await watcher())()).toEqual({ topic: state, payload: 'lost' })
  })

  // T32
  test('of a device with a wrong clock is let in and never published', async () => {
    const { login, until, sessions, broker } = await start()
    const next = await watcher()
    const late = await login({ username: 'solar/pi1', password: 'late', will })
    late.socket.destroy()
    await until(() => sessions.some((one) => one.startsWith('- solar/pi1?clock')))
    broker.publish('tickpay/1/solar/_/status', Buffer.from('end'), { retain: false })
    expect((await next()).payload).toBe('end')
  })

  test('is published when a violation closes the session', async () => {
    const { login } = await start()
    const next = await watcher()
    const device = await login({ username: 'solar/pi1', will })
    device.send(publishPacket('tickpay/1/solar/pi2/up/tick', 'x'))
    expect(await next()).toEqual({ topic: state, payload: 'lost' })
  })

  test('is not published after DISCONNECT, nor when the device itself has come back', async () => {
    const { login, until, sessions, broker } = await start()
    const next = await watcher()
    const polite = await login({ username: 'solar/pi1', will })
    polite.send(packet(0xe0))
    await until(() => sessions.includes('- solar/pi1'))
    const old = await login({ username: 'solar/pi1', will })
    await login({ username: 'solar/pi1' })
    await old.closed
    await until(() => broker.counters().connections === 2)
    broker.publish('tickpay/1/solar/_/status', Buffer.from('end'), { retain: false })
    expect((await next()).payload).toBe('end')
  })
})

describe('ending', () => {
  test('a session that is closed gets what was sent to it first', async () => {
    const { login, broker, sessions, until } = await start()
    const device = await login({ username: 'solar/pi1' })
    device.send(subscribePacket(1, ['tickpay/1/solar/pi1/down/+']))
    await device.next(types.suback)
    for (let i = 0; i < 20; i++) {
      broker.publish('tickpay/1/solar/pi1/down/reject', Buffer.from(`${i}`), { retain: false })
    }
    broker.disconnect('solar/pi1', 'strikes')
    await device.closed
    expect(device.waiting().map((one) => readPublish(one).payload)).toEqual(
      Array.from({ length: 20 }, (_, i) => `${i}`),
    )
    await until(() => sessions.includes('- solar/pi1'))
    expect(broker.counters().closed).toEqual({ strikes: 1 })
  })

  test('after too many strikes devices are let in one by one, others at once', async () => {
    const { login, broker } = await start()
    const names = ['pi1', 'pi2', 'pi3'].map((device) => `solar/${device}`)
    const closed = await Promise.all(names.map((username) => login({ username })))
    for (const name of names) broker.disconnect(name, 'too many strikes: bad_word')
    await Promise.all(closed.map((client) => client.closed))
    const startMs = performance.now()
    const codes = await Promise.all(names.map((clientId) => tryLogin({ clientId })))
    expect(codes.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(performance.now() - startMs).toBeGreaterThan(35)
  })

  test('a closed session that does not read is cut off', async () => {
    const { login, broker, sessions, until } = await start({ limits: { closeGraceMs: 50 } })
    const device = await login({ username: 'solar/pi1' })
    device.socket.pause()
    broker.disconnect('solar/pi1', 'strikes')
    await until(() => sessions.includes('- solar/pi1'))
  })

  test('closing the broker waits for what is in flight, closes all and tells of each', async () => {
    const { login, broker, sessions, received, until } = await start({ onMessage: () => {} })
    const device = await login({ username: 'solar/pi1' })
    device.send(publishPacket(tick, 'x', { id: 9 }))
    await until(() => received.length === 1)
    const silent = await world().raw()
    const closing = broker.close()
    received[0]?.done()
    await closing
    expect((await device.next(types.puback)).body.readUInt16BE(0)).toBe(9)
    await Promise.all([device.closed, silent.closed])
    expect(sessions).toEqual(['+ solar/pi1', '- solar/pi1'])
    await expect(world().raw()).rejects.toThrow('ECONNREFUSED')
  })

  test('a message may be dealt with after its session ended', async () => {
    const { login, sessions, received, until } = await start({ onMessage: () => {} })
    const device = await login({ username: 'solar/pi1' })
    device.send(publishPacket(tick, 'x'))
    await until(() => received.length === 1)
    device.socket.destroy()
    await until(() => sessions.includes('- solar/pi1'))
    received[0]?.done()
    received[0]?.done()
    await login({ username: 'solar/pi2' })
    expect(world().broker.counters().closed).toEqual({})
  })

  test('a session that is being closed takes no more messages', async () => {
    const { login, broker, received } = await start()
    const device = await login({ username: 'solar/pi1' })
    broker.disconnect('solar/pi1', 'strikes')
    device.send(publishPacket(tick, 'too late'))
    await device.closed
    expect(received).toEqual([])
  })
})

describe('listeners', () => {
  test('a port in use is named, with what to do, and nothing stays open', async () => {
    const { broker } = await start()
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const roles = ['device'] as const
    const opening = broker.listen([
      { kind: 'tcp', host: '127.0.0.1', port: 0, roles },
      { kind: 'tcp', host: '127.0.0.1', port, roles },
    ])
    await expect(opening).rejects.toThrow(OperatorError)
    await expect(opening).rejects.toThrow(
      `cannot listen on 127.0.0.1 port ${port}: another program listens there: stop it`,
    )
    other.close()
  })
})
