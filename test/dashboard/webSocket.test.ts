import { request } from 'node:http'
import { connect } from 'node:net'
import { connectAsync } from 'mqtt'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { WorldOptions } from '../broker/world.ts'
import { startWorld } from '../broker/world.ts'
import { webSocketAnswer } from '../support/webSocketAnswer.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(options: WorldOptions = {}) {
  const world = await startWorld(options)
  closers.push(world.close)
  const roles = ['reader' as const]
  const [port = 0] = await world.broker.listen([{ kind: 'ws', host: '127.0.0.1', port: 0, roles }])
  return { world, port }
}

async function client(port: number, username: string) {
  const opened = await connectAsync(`ws://127.0.0.1:${port}/mqtt`, {
    protocolVersion: 4,
    username,
    clientId: username,
    password: 'good',
    reconnectPeriod: 0,
  })
  closers.push(() => opened.endAsync(true))
  return opened
}

/** How a WebSocket that asks in this way is answered, of a page from `origin` or of a program. */
function refusal(url: string, protocols: string[], origin?: string): Promise<string> {
  return webSocketAnswer(url, protocols, origin === undefined ? {} : { origin })
}

const report = 'tickpay/1/solar/_/devices/pi1'

describe('MQTT over WebSocket', () => {
  test('a tool subscribes, receives what is retained, and asks', async () => {
    const { world, port } = await start()
    world.broker.publish(report, Buffer.from('{"device":"pi1"}'), { retain: true })
    const ann = await client(port, 'ann@solar')
    const got = new Promise((resolve) => ann.once('message', (...parts) => resolve(parts)))
    await ann.subscribeAsync('tickpay/1/solar/_/devices/+')
    const [topic, payload] = (await got) as [string, Buffer]
    expect([topic, payload.toString()]).toEqual([report, '{"device":"pi1"}'])
    await ann.publishAsync('tickpay/1/solar/_/request/pause', '{"transaction":"1"}', { qos: 1 })
    expect(world.received.map(({ topic }) => topic)).toEqual(['tickpay/1/solar/_/request/pause'])
  })

  test('more than one frame and more than one packet a frame arrive as sent', async () => {
    const { world, port } = await start()
    const ann = await client(port, 'ann@solar')
    const topics = Array.from({ length: 40 }, (_, place) => `${report}-${place}`)
    for (const topic of topics) {
      world.broker.publish(topic, Buffer.alloc(3_000, 'x'), { retain: true })
    }
    const seen = new Set<string>()
    const all = new Promise<void>((resolve) => {
      ann.on('message', (topic, payload) => {
        if (payload.length === 3_000) seen.add(topic)
        if (seen.size === topics.length) resolve()
      })
    })
    await ann.subscribeAsync('tickpay/1/solar/_/devices/+')
    await all
  })

  test('only the roles of the listener log in', async () => {
    const { port } = await start()
    await expect(client(port, 'solar/pi1')).rejects.toThrow(/authori[sz]ed/)
  })

  test.each([
    ['another path', '/other', ['mqtt'], undefined, '404'],
    ['no sub-protocol', '/mqtt', [], undefined, '400'],
    ['another sub-protocol', '/mqtt', ['chat'], undefined, '400'],
    ['a page of somebody else', '/mqtt', ['mqtt'], 'https://example.org', '403'],
  ])('%s is refused', async (_name, path, protocols, origin, status) => {
    const { world, port } = await start()
    expect(await refusal(`ws://127.0.0.1:${port}${path}`, protocols, origin)).toBe(status)
    expect(Object.values(world.broker.counters().refused)).toEqual([1])
  })

  test('a page from this listener is let in', async () => {
    const { port } = await start()
    const url = `ws://127.0.0.1:${port}/mqtt`
    expect(await refusal(url, ['mqtt'], `http://127.0.0.1:${port}`)).toBe('open')
  })

  test('the length gate stands in front of the parser', async () => {
    const { world, port } = await start()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'])
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    // A CONNECT that announces 200 MB.
    socket.on('open', () => socket.send(Buffer.from([0x10, 0x80, 0x80, 0x80, 0x60])))
    await closed
    expect(world.broker.counters().closed).toEqual({ packet_too_long: 1 })
  })

  test('text frames are no MQTT', async () => {
    const { port } = await start()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'])
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.on('open', () => socket.send('hello'))
    await closed
  })

  test.each([
    ['says nothing', ''],
    ['stops within a request', 'GET /mqtt HTTP/1.1\r\nhost: a\r\n'],
  ])('a line that %s is closed in time', async (_name, bytes) => {
    const { world, port } = await start({ limits: { handshakeDeadlineMs: 50 } })
    const line = connect(port, '127.0.0.1')
    line.write(bytes)
    await new Promise<void>((resolve) => line.once('close', () => resolve()))
    expect(world.broker.counters().refused).toEqual({ handshake_deadline: 1 })
  })

  test('a WebSocket that says no CONNECT is closed in time', async () => {
    const { world, port } = await start({ limits: { connectDeadlineMs: 50 } })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'])
    await new Promise<void>((resolve) => socket.once('close', () => resolve()))
    expect(world.broker.counters().closed).toEqual({ connect_deadline: 1 })
  })
})

type Got = { readonly status: number | undefined; readonly headers: Record<string, unknown> }

function fetchPage(port: number, path: string, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: '127.0.0.1', path, method, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('pages beside it', () => {
  test('may load and reach nothing but where they come from', async () => {
    const { port } = await start()
    const { status, headers } = await fetchPage(port, '/')
    expect(status).toBe(200)
    const policy = String(headers['content-security-policy']).split('; ')
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'")
    expect(policy).toContain("connect-src 'self'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy.join()).not.toMatch(/unsafe|\*|http|data:/)
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    })
  })

  test.each([
    ['GET', '/package.json', 404],
    ['GET', '/../package.json', 404],
    ['GET', '/%2e%2e/package.json', 404],
    ['GET', '/__proto__', 404],
    ['GET', '/dashboard.js?x=1', 200],
    ['HEAD', '/', 200],
    ['POST', '/', 405],
    ['DELETE', '/', 405],
  ])('%s %s is answered with %i', async (method, path, status) => {
    const { port } = await start()
    expect((await fetchPage(port, path, method)).status).toBe(status)
  })
})
