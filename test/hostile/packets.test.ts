/**
 * What a hostile client may do below the messages: packets that are too long, foreign topics,
 * retained messages, wills, stolen names. It is refused or cut off, nothing that is stored changes,
 * an honest device beside does not notice, and the gateway's memory ends where it began.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { concatBytes } from '../../protocol/bytes.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { encodeTicks } from '../../protocol/tick.ts'
import type { RawClient } from '../broker/rawClient.ts'
import {
  lengthBytes,
  packet,
  publishPacket,
  rawClient,
  subscribePacket,
  text,
  types,
} from '../broker/rawClient.ts'
import type { Session } from '../support/deviceSession.ts'
import type { Committed } from '../support/scriptedDevice.ts'
import { tickOf } from '../support/scriptedDevice.ts'
import type { Enrolled, HostileWorld } from './world.ts'
import { startHostileWorld } from './world.ts'

const megabyte = 1_048_576

let world: HostileWorld
let evil: Enrolled
let victim: Enrolled
let victimSession: Session
let theirs: Committed
let before: readonly string[]
let baseline: number
const own = 'tickpay/1/acme/evil/'
const foreign = 'tickpay/1/acme/victim/'

beforeAll(async () => {
  world = await startHostileWorld()
  evil = await world.enrol('evil')
  victim = await world.enrol('victim')
  victimSession = await world.login(victim)
  theirs = await victimSession.commit({ length: 500 })
  await victimSession.tick(theirs, 7)
  before = await stored()
  // What is loaded, compiled and sized on first use is no leak.
  for (let round = 0; round < 4; round++) {
    await crowd()
    for (let time = 0; time < 5; time++) await flood()
  }
  baseline = await world.gateway.memory()
})

afterAll(() => world.stop())

const stored = () => world.gateway.channels([...evil.numbers, ...victim.numbers])

type Fields = {
  readonly clientId?: string
  readonly username?: string
  readonly password?: Uint8Array
  readonly will?: { topic: string; payload: Uint8Array; retain?: boolean; qos?: number }
  readonly keepalive?: number
  readonly level?: number
}

const evilId = clientIdOf('acme', 'evil')

/** A CONNECT of the hostile device with a good token, changed at will. */
function connect(fields: Fields = {}): Buffer {
  const { clientId = evilId, username = evilId, password = world.token(evil), will } = fields
  let flags = 2 | 64 | 128
  if (will) flags |= 4 | ((will.qos ?? 0) << 3) | (will.retain ? 32 : 0)
  const keepalive = fields.keepalive ?? 60
  const head = Uint8Array.of(fields.level ?? 4, flags, keepalive >> 8, keepalive & 255)
  const wills = will ? [text(will.topic), text(will.payload)] : []
  return packet(0x10, text('MQTT'), head, text(clientId), ...wills, text(username), text(password))
}

async function loggedIn(fields: Fields = {}): Promise<RawClient> {
  const client = await rawClient(world.gateway.port)
  client.send(connect(fields))
  const connack = await client.next(types.connack)
  expect(connack.body[1]).toBe(0)
  return client
}

/** Expects that the connection is closed after these bytes, whatever else is sent. */
async function expectCut(client: RawClient, ...bytes: readonly Uint8Array[]): Promise<void> {
  client.send(...bytes)
  await client.closed
}

/** The header of a packet of so many bytes, and as much of its body as the other side takes. */
async function stream(client: RawClient, first: number, bytes: number): Promise<void> {
  client.send(concatBytes(Uint8Array.of(first), lengthBytes(bytes)))
  const chunk = Buffer.alloc(megabyte)
  let closed = false
  void client.closed.then(() => {
    closed = true
  })
  for (let sent = 0; sent < bytes && !closed; sent += chunk.length) {
    await new Promise<void>((done) => {
      client.socket.write(chunk, () => done())
    })
  }
  await client.closed
}

async function flood(): Promise<void> {
  const client = await rawClient(world.gateway.port)
  await stream(client, 0x10, 2 * megabyte)
  const inside = await loggedIn()
  await stream(inside, 0x30, 2 * megabyte)
}

/** Two hundred connections that say half of a CONNECT, and go. */
async function crowd(): Promise<void> {
  const half = connect().subarray(0, 40)
  const clients = await Promise.all(
    Array.from({ length: 200 }, () => rawClient(world.gateway.port)),
  )
  for (const client of clients) client.send(half)
  await expectUntouched()
  for (const client of clients) client.socket.destroy()
  await Promise.all(clients.map((client) => client.closed))
}

async function expectUntouched(): Promise<void> {
  expect(await stored()).toEqual(before)
  expect(victimSession.received.closed).toBe(false)
  expect(world.gateway.isAlive()).toBe(true)
}

describe('packets that are too long', () => {
  test('5 KiB before CONNECT, as a CONNECT and as something else', async () => {
    const password = new Uint8Array(5 * 1_024)
    await expectCut(await rawClient(world.gateway.port), connect({ password }))
    const publish = publishPacket(`${own}up/tick`, password)
    await expectCut(await rawClient(world.gateway.port), publish)
    await expectUntouched()
  })

  test('5 KiB after CONNECT', async () => {
    const client = await loggedIn()
    await expectCut(client, publishPacket(`${own}up/commit`, new Uint8Array(5 * 1_024)))
    await expectUntouched()
  })

  // T33
  test('200 MB before and after CONNECT', async () => {
    const bytes = 200 * megabyte
    await stream(await rawClient(world.gateway.port), 0x10, bytes)
    await stream(await rawClient(world.gateway.port), 0x30, bytes)
    await stream(await loggedIn(), 0x32, bytes)
    await stream(await loggedIn(), 0x82, bytes)
    await expectUntouched()
  })

  test('a length that never ends', async () => {
    const endless = Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
    await expectCut(await rawClient(world.gateway.port), endless)
    await expectCut(await loggedIn(), endless)
  })

  test('two hundred connections that say half of a CONNECT', async () => {
    await crowd()
  })
})

describe('topics that are not its own', () => {
  const word = () => encodeTicks([tickOf(theirs, 8)])

  test.each([
    ['the ticks of another device', `${foreign}up/tick`],
    ['what the gateway says to another device', `${foreign}down/ack`],
    ['what the gateway says to itself', `${own}down/accept`],
    ["another device's state", `${foreign}state`],
    ["another fleet's device", 'tickpay/1/rival/evil/up/tick'],
    ["the fleet's requests", 'tickpay/1/acme/_/request/pause'],
    ["the gateway's report", 'tickpay/1/acme/_/devices/evil'],
    ["the gateway's own state", 'tickpay/1/_gateway/gw-1/state'],
    ['no such message', `${own}up/steal`],
    ['another version', 'tickpay/2/acme/evil/up/tick'],
    ['an ordinary topic', 'home/kitchen'],
    ['the broker itself', '$SYS/broker'],
    ['a topic of 65 levels', 'a/'.repeat(64)],
  ])('publishing as %s closes the connection', async (_, topic) => {
    await expectCut(await loggedIn(), publishPacket(topic, word()))
    await expectUntouched()
  })

  test('a real word of another device, on its own topic and slot, is worth nothing', async () => {
    const session = await world.login(evil)
    session.sendTicks(tickOf(theirs, 8)).catch(() => {})
    const reason = await session.until(({ rejects }) => rejects[0]?.reason)
    expect(reason).toBe('unknown_epoch')
    await session.transport.close()
    await expectUntouched()
  })

  test.each([
    '#',
    '+/#',
    'tickpay/#',
    `${foreign}down/+`,
    `${own}up/+`,
    `${own}#`,
    '$SYS/#',
    '+/+',
  ])('subscribing to %s is refused and delivers nothing', async (filter) => {
    const client = await loggedIn()
    client.send(subscribePacket(1, [filter]))
    expect([...(await client.next(types.suback)).body.subarray(2)]).toEqual([0x80])
    await victimSession.tick(theirs, 7)
    expect(client.waiting().filter(({ type }) => type === types.publish)).toEqual([])
    client.socket.destroy()
    await client.closed
    await expectUntouched()
  })
})

// T32
describe('messages that would stay', () => {
  // T31
  test('a retained tick closes the connection and is not kept', async () => {
    const bytes = publishPacket(`${own}up/tick`, new Uint8Array(42), { retain: true })
    await expectCut(await loggedIn(), bytes)
    await expectUntouched()
  })

  test('quality of service 2 closes the connection', async () => {
    await expectCut(
      await loggedIn(),
      publishPacket(`${own}up/tick`, new Uint8Array(42), { qos: 2 }),
    )
    await expectUntouched()
  })

  test.each([
    ['a tick', `${own}up/tick`, 42, 1],
    ["another device's state", `${foreign}state`, 20, 1],
    ["the fleet's request", 'tickpay/1/acme/_/request/pause', 20, 1],
    ['its own state, but too long', `${own}state`, 257, 1],
    ['its own state, exactly twice', `${own}state`, 20, 2],
  ])('a last will that is %s refuses the login', async (_, topic, bytes, qos) => {
    const client = await rawClient(world.gateway.port)
    client.send(connect({ will: { topic, payload: new Uint8Array(bytes), qos, retain: true } }))
    expect((await client.next(types.connack)).body[1]).toBe(5)
    await client.closed
    await expectUntouched()
  })
})

describe('names that are not its own', () => {
  const victimId = clientIdOf('acme', 'victim')

  test.each([
    ["another device's client id with its own token", { clientId: victimId, username: victimId }],
    ["another device's client id alone", { clientId: victimId }],
    ["another device's user name alone", { username: victimId }],
    ["the fleet's name", { clientId: 'acme/_', username: 'acme/_' }],
    ['no name', { clientId: '', username: '' }],
    ['another protocol', { level: 3 }],
    ['no keep alive', { keepalive: 0 }],
    ['a keep alive of an hour', { keepalive: 3_600 }],
    ['a token of nothing', { password: new Uint8Array(0) }],
  ] satisfies [string, Fields][])('%s is refused, and nobody is taken over', async (_, fields) => {
    const client = await rawClient(world.gateway.port)
    await expectCut(client, connect(fields))
    await expectUntouched()
  })

  test('the same token twice is refused', async () => {
    const password = world.token(evil)
    const first = await loggedIn({ password })
    const second = await rawClient(world.gateway.port)
    second.send(connect({ password }))
    expect((await second.next(types.connack)).body[1]).toBe(5)
    await second.closed
    first.socket.destroy()
    await first.closed
  })

  // T35
  test('an old token of the victim takes over nobody and learns only the time', async () => {
    const stale = world.staleToken(victim)
    const client = await rawClient(world.gateway.port)
    client.send(connect({ clientId: victimId, username: victimId, password: stale }))
    expect((await client.next(types.connack)).body[1]).toBe(0)
    client.send(subscribePacket(1, [`${foreign}down/+`]))
    await client.next(types.suback)
    await victimSession.tick(theirs, 7)
    expect(client.waiting()).toEqual([])
    await expectCut(client, publishPacket(`${foreign}up/tick`, encodeTicks([tickOf(theirs, 9)])))
    await expectUntouched()
  })
})

describe('when everything else was tried', () => {
  test('an honest device beside has noticed nothing', async () => {
    const { received, ticks, slowestMs } = world.honest
    expect(received.closed).toBe(false)
    expect(received.rejects).toEqual([])
    expect(ticks()).toBeGreaterThan(10)
    expect(slowestMs()).toBeLessThan(5_000)
    await victimSession.tick(theirs, 8)
  })

  test('anonymous memory ends within 10 MB of its baseline', async () => {
    const growth = (await world.gateway.memory()) - baseline
    expect(growth).toBeLessThan(10 * megabyte)
  })
})
