/**
 * What a broker that lets the wrong people in cannot do, and what the example's access list does.
 */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Transport } from '../../ports/index.ts'
import { encodeClose, encodeCommit, encodeHello, encodeReading } from '../../protocol/messages.ts'
import type { Tick } from '../../protocol/tick.ts'
import { encodeTicks } from '../../protocol/tick.ts'
import { textOf } from '../support/gatewayState.ts'
import { tickOf } from '../support/scriptedDevice.ts'
import { until } from '../support/until.ts'
import type { SiteDevice } from './device.ts'
import { connectSiteDevice } from './device.ts'
import type { Mosquitto } from './mosquitto.ts'
import { startMosquitto } from './mosquitto.ts'
import type { Enrolled, Site } from './site.ts'
import { loginAt, openSite, pricePerTick } from './site.ts'

let mosquitto: Mosquitto
let site: Site
let enrolled: Enrolled
let device: SiteDevice
let mallory: Transport

beforeEach(async () => {
  mosquitto = await startMosquitto({
    users: ['depot', 'acme/ev-1', 'acme/ev-2', 'mallory'],
    acl: ['user mallory', 'topic readwrite tickpay/#'],
  })
  site = await openSite(mosquitto)
  enrolled = await site.enrol('ev-1')
  await site.call('mandate_put', { mandates: [site.mandate(enrolled.channelId, 1, 1_000n)] })
  device = await connectSiteDevice(enrolled, mosquitto)
})

afterEach(async () => {
  await mallory.close()
  await device.close()
  await site.close()
  await mosquitto.close()
})

async function logIn(user: string): Promise<Transport> {
  const connector = await loginAt(mosquitto, user)
  const password = new Uint8Array(0)
  return connector({ clientId: user, username: user, password, keepaliveSeconds: 30 })
}

function say(name: string, payload: Uint8Array, retain = false): Promise<void> {
  return mallory.publish(`tickpay/1/acme/ev-1/${name}`, payload, { retain })
}

/** Everything that the stranger sent before has been dealt with, in order, when this has. */
async function settled(topic = 'tickpay/1/acme/nobody/up/tick'): Promise<void> {
  const strange = async () => (await site.broker()).ignored['unknown_topic'] ?? 0
  const before = await strange()
  let now = before
  await mallory.publish(topic, new Uint8Array(1), { retain: false })
  const ask = async () => {
    now = await strange()
  }
  await until('the gateway has read everything', () => {
    void ask()
    return now > before
  })
  await site.opened().gateway.quiesce()
}

function storedState(): string {
  return textOf(site.opened().gateway.core.state)
}

async function channel() {
  const [first] = (await site.call('channels', {})) as Record<string, unknown>[]
  return first
}

test('with write access to a device a stranger changes nothing that is stored', async () => {
  mallory = await logIn('mallory')
  const committed = await device.commit()
  await device.tick(committed, 10)
  // From here on a lower index is one that a session of its own would be suspected for.
  await device.hello()
  await settled()
  const before = storedState()
  const junk = (index: number, epoch = 1, slot = 0): Tick => {
    return { slot, epoch, index, word: new Uint8Array(randomBytes(32)) }
  }
  const { value } = committed.commitment
  const forged = { value: { ...value, epoch: 2 }, signature: new Uint8Array(64).fill(1) }
  const messages: [string, Uint8Array][] = [
    ['up/tick', encodeTicks([junk(11)])],
    ['up/tick', encodeTicks([junk(0)])],
    ['up/tick', encodeTicks([junk(5, 7)])],
    ['up/tick', encodeTicks([junk(90_000)])],
    ['up/tick', encodeTicks([junk(11, 1, 63)])],
    ['up/tick', new Uint8Array(41)],
    ['up/tick', new Uint8Array(0)],
    ['up/tick', new Uint8Array(5_000)],
    ['up/commit', encodeCommit({ slot: 0, commitment: forged })],
    ['up/open', encodeCommit({ slot: 0, commitment: committed.commitment })],
    ['up/commit', new Uint8Array(100).fill(0x81)],
    ['up/reading', encodeReading({ slot: 0, register: 1n << 60n })],
    ['up/close', encodeClose({ slot: 0 })],
    ['up/nonsense', new Uint8Array(8)],
    ['up/hello', new Uint8Array(8)],
    ['state', Buffer.from('{"connection":"offline"}')],
    ['state', Buffer.from('nonsense')],
  ]
  for (const [name, payload] of messages) for (let i = 0; i < 4; i++) await say(name, payload)
  await settled()
  expect(storedState()).toBe(before)
  // The session goes on as it was: no hello, no reconnection, supply on.
  const ack = await device.tick(committed, 12)
  expect(ack.supply).toEqual({ level: 'on', reason: 'ok' })
  expect(device.client.received.closed).toBe(false)
  expect(device.client.received.welcomes).toHaveLength(2)
  expect(await channel()).toMatchObject({
    index: 12,
    paid: `${12n * pricePerTick}`,
    supply: 'on',
    state: 'open',
  })
})

test('faults in its name do not silence a device: the fourth is no longer answered', async () => {
  mallory = await logIn('mallory')
  const committed = await device.commit()
  await device.tick(committed, 1)
  const { received } = device.client
  for (let i = 0; i < 20; i++) await say('up/tick', new Uint8Array(43))
  await settled()
  expect(received.rejects.filter(({ reason }) => reason === 'malformed')).toHaveLength(3)
  expect(await site.call('status', {})).toMatchObject({ refused: { malformed: 20 } })
  await device.tick(committed, 2)
  expect(await channel()).toMatchObject({ index: 2 })
})

test('a word that was seen can only be shown again', async () => {
  mallory = await logIn('mallory')
  const committed = await device.commit()
  await device.tick(committed, 4)
  await device.hello()
  await settled()
  const before = storedState()
  await say('up/tick', encodeTicks([tickOf(committed, 4)]))
  await say('up/tick', encodeTicks([tickOf(committed, 2)]))
  await say('up/tick', encodeTicks([tickOf(committed, 4)]), true)
  await settled()
  expect(storedState()).toBe(before)
  expect(await channel()).toMatchObject({ supply: 'on', reason: 'ok' })
})

test('hello is answered only so often, and devices that are not enrolled not at all', async () => {
  mallory = await logIn('mallory')
  const hello = encodeHello({ mark: undefined, meters: [] })
  for (let i = 0; i < 40; i++) await say('up/hello', hello)
  for (const name of ['ev-9', 'ev-1x', 'UPPER']) {
    await mallory.publish(`tickpay/1/acme/${name}/up/hello`, hello, { retain: false })
  }
  await settled()
  expect(device.client.received.welcomes.length).toBeLessThan(20)
  const { devices, ignored } = await site.broker()
  expect(devices).toBe(1)
  expect(ignored).toMatchObject({ unknown_topic: 4 })
  expect(ignored['over_rate']).toBeGreaterThan(20)
})

test('what is beyond the rate of a device is dropped, and the device recovers', async () => {
  mallory = await logIn('mallory')
  const committed = await device.commit()
  const tick = encodeTicks([tickOf(committed, 1)])
  await Promise.all(Array.from({ length: 60 }, () => say('up/tick', tick)))
  for (let i = 0; i < 10; i++) {
    await Promise.all(Array.from({ length: 60 }, () => say('up/tick', tick)))
  }
  await settled()
  expect((await site.broker()).ignored['over_rate']).toBeGreaterThan(100)
  await device.tick(committed, 3)
  expect(await channel()).toMatchObject({ index: 3 })
})

test('a packet of more than 64 KiB does not hurt the messages behind it', async () => {
  mallory = await logIn('mallory')
  const committed = await device.commit()
  await say('up/tick', new Uint8Array(66_000))
  await device.tick(committed, 2)
  expect((await site.broker()).ignored).toMatchObject({ too_long: 1 })
})

test('the access list of the example keeps devices apart', async () => {
  mallory = await logIn('acme/ev-2')
  const { messages } = await site.broker()
  const committed = await device.commit()
  await say('up/close', encodeClose({ slot: 0 }))
  await say('state', Buffer.from('{"connection":"offline"}'))
  await mallory.publish('tickpay/1/acme/_/request/pause', Buffer.from('{}'), { retain: false })
  await mallory.publish('tickpay/1/acme/ev-1/down/ack', Buffer.from('{}'), { retain: false })
  await mallory.publish('tickpay/1/_gateway/depot/state', Buffer.from('{}'), { retain: true })
  const seen: string[] = []
  mallory.onMessage((topic) => seen.push(topic))
  await mallory.subscribe(['tickpay/#'])
  await device.tick(committed, 2)
  await settled('tickpay/1/acme/ev-2/up/tick')
  // The commitment and ticks of the device, and of the other one what is its own.
  const { ignored, messages: after } = await site.broker()
  expect(ignored).toEqual({ unknown_topic: 1 })
  expect(after - messages).toBeLessThan(6)
  expect(seen).toEqual([])
})
