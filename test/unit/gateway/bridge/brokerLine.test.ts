import { describe, expect, test } from 'vitest'
import { reconnectDelayMs } from '../../../../gateway/bridge/backoff.ts'
import { bytesToHex } from '../../../../protocol/bytes.ts'
import {
  connack,
  message,
  type modelBroker,
  pingresp,
  puback,
  readMessage,
  suback,
  types,
} from './support/modelBroker.ts'
import { onlineScene, openBridgeScene } from './support/scene.ts'

const tick = 'tickpay/1/acme/ev-1/up/tick'

describe('login', () => {
  test('a clean session, an id of the gateway, a last will, three subscriptions', async () => {
    const { wire } = await onlineScene()
    const [connect] = wire.ofType(types.connect)
    const text = Buffer.from(connect?.body ?? []).toString('latin1')
    // Clean session, retained will at QoS 1, user name and password.
    expect(connect?.body[7]).toBe(0x02 | 0x04 | 0x08 | 0x20 | 0x80 | 0x40)
    expect(text).toContain('tickpay-gw-1')
    expect(text).toContain('tickpay/1/_gateway/gw-1/state')
    expect(text).toContain('{"state":"offline"}')
    const [subscribe] = wire.ofType(types.subscribe)
    const filters = Buffer.from(subscribe?.body ?? []).toString('latin1')
    expect(filters).toContain('tickpay/1/+/+/up/+\x01')
    expect(filters).toContain('tickpay/1/+/+/state\x01')
    expect(filters).toContain('tickpay/1/+/_/request/+\x01')
    expect(filters).not.toContain('$share')
  })

  test.each([
    [connack(1), 'it does not speak MQTT 3.1.1'],
    [connack(2), 'it does not take this client id'],
    [connack(3), 'it is not available now'],
    [connack(4), 'it does not know this user, or the password is wrong'],
    [connack(5), 'it does not let this user in: check user name, password and its access list'],
    [connack(77), 'it refused the login with code 77'],
    [suback(1, 1, 1), 'it sent what is no answer to anything'],
    [Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff), 'it sent a malformed packet'],
  ])('a refusal is told in words: %s', async (answer, reason) => {
    const scene = await openBridgeScene()
    await scene.time.settle()
    scene.broker.last().send(answer)
    expect(scene.report()).toMatchObject({ state: 'waiting', reason, connections: 0 })
    expect(scene.broker.last().destroyed).toBe(true)
  })

  test('a subscription that is not granted is told', async () => {
    const scene = await openBridgeScene()
    await scene.time.settle()
    scene.broker.last().send(connack(), suback(1, 128, 1))
    const { reason } = scene.report()
    expect(reason).toBe('it refuses the subscription to tickpay/1/+/+/state: check its access list')
  })

  test.each(['nothing', 'a connack'])('a broker that answers %s is given up', async (answer) => {
    const scene = await openBridgeScene()
    await scene.time.settle()
    if (answer === 'a connack') scene.broker.last().send(connack())
    await scene.time.advance(9_999)
    expect(scene.report()).toMatchObject({ state: 'connecting' })
    await scene.time.advance(1)
    expect(scene.report()).toMatchObject({ state: 'waiting', reason: 'it does not answer' })
  })
})

describe('again and again', () => {
  test('the wait grows to half a minute, and is short after a good connection', async () => {
    const scene = await openBridgeScene()
    scene.broker.away = 'nothing listens there'
    await scene.time.settle()
    scene.broker.wires.length > 0 && scene.broker.last().events.onClose('it closed the connection')
    await scene.time.advance(600_000)
    const waits = scene.logs.flatMap((line) => /"delayMs":(\d+)/.exec(line)?.[1] ?? []).map(Number)
    expect(waits[0]).toBeLessThanOrEqual(250)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000)
    expect(Math.max(...waits.slice(-5))).toBeGreaterThan(15_000)
    expect(new Set(waits.slice(-8)).size).toBeGreaterThan(4)
    scene.broker.away = undefined
    await scene.time.advance(30_000)
    const wire = await scene.goOnline()
    await scene.time.advance(10_000)
    wire.events.onClose('it closed the connection')
    const last = Number(/"delayMs":(\d+)/.exec(scene.logs.at(-1) ?? '')?.[1])
    expect(last).toBeLessThanOrEqual(250)
  })

  test('two gateways do not come back together', () => {
    const random = (byte: number) => ({
      bytes: (length: number) => new Uint8Array(length).fill(byte),
    })
    expect(reconnectDelayMs(5, random(0))).toBe(2_000)
    expect(reconnectDelayMs(5, random(255))).toBe(4_000)
  })

  test('a connection that breaks at once does not make the wait short', async () => {
    const scene = await onlineScene()
    for (let turn = 0; turn < 6; turn++) {
      scene.broker.last().events.onClose('it closed the connection')
      await scene.time.advance(30_000)
      if (turn < 5) await scene.goOnline()
    }
    const last = Number(
      /"delayMs":(\d+)/.exec(scene.logs.findLast((one) => one.includes('delayMs')) ?? '')?.[1],
    )
    expect(last).toBeGreaterThan(3_000)
  })
})

describe('keeping alive', () => {
  test('pings, and gives up a broker that says nothing', async () => {
    const { time, wire, report } = await onlineScene()
    await time.advance(40_000)
    expect(wire.ofType(types.ping).length).toBe(2)
    wire.send(pingresp)
    await time.advance(45_000)
    expect(report()).toMatchObject({ state: 'online' })
    await time.advance(15_000)
    expect(report()).toMatchObject({ reason: 'it gives no sign of life' })
    expect(wire.destroyed).toBe(true)
  })
})

describe('acknowledging', () => {
  const acked = (wire: ReturnType<ReturnType<typeof modelBroker>['last']>) =>
    wire.ofType(types.puback).map(({ body }) => ((body[0] ?? 0) << 8) | (body[1] ?? 0))

  test('waits for all messages of a read, and keeps the order of reads', async () => {
    const scene = await onlineScene()
    const { time, wire, taken } = scene
    scene.hold = true
    wire.send(message(tick, 'a', { packetId: 1 }), message(tick, 'b', { packetId: 2 }))
    wire.send(message(tick, 'c', { packetId: 3 }))
    // Nobody has to wait for what is ignored, but its read has its turn.
    wire.send(message('tickpay/1/acme/ev-9/up/tick', 'x', { packetId: 4 }))
    taken[2]?.done()
    taken[0]?.done()
    await time.settle()
    expect(acked(wire)).toEqual([])
    taken[1]?.done()
    await time.settle()
    expect(acked(wire)).toEqual([1, 2, 3, 4])
  })

  test('QoS 0 needs none', async () => {
    const { time, wire, taken } = await onlineScene()
    wire.send(message(tick, 'a'))
    await time.settle()
    expect(taken).toHaveLength(1)
    expect(acked(wire)).toEqual([])
  })

  test('of an earlier connection is not sent on a later one', async () => {
    const scene = await onlineScene()
    scene.hold = true
    scene.wire.send(message(tick, 'a', { packetId: 1 }))
    scene.wire.events.onClose('it closed the connection')
    await scene.time.advance(300)
    const wire = await scene.goOnline()
    scene.taken[0]?.done()
    await scene.time.settle()
    expect(acked(wire)).toEqual([])
  })

  test.each([0, 1])('too many that wait stop the reading, at QoS %i', async (qos) => {
    const scene = await onlineScene({ limits: { openMessagesMax: 4 } })
    const { time, wire, taken } = scene
    scene.hold = true
    for (let id = 1; id <= 4; id++) {
      wire.send(message(tick, 'a', qos === 1 ? { packetId: id } : {}))
    }
    expect(wire.paused).toBe(true)
    taken[0]?.done()
    await time.settle()
    expect(wire.paused).toBe(true)
    taken[1]?.done()
    await time.settle()
    expect(wire.paused).toBe(false)
  })

  test('a message that is too long is acknowledged unread', async () => {
    const { time, wire, taken, report } = await onlineScene()
    wire.send(message(tick, new Uint8Array(70_000), { packetId: 9 }))
    await time.settle()
    expect(acked(wire)).toEqual([9])
    expect(taken).toEqual([])
    expect(report()).toMatchObject({ ignored: { too_long: 1 } })
  })
})

describe('the end', () => {
  test('takes no more, sends what is there, and says goodbye', async () => {
    const { bridge, time, wire, taken } = await onlineScene()
    bridge.link.publish('tickpay/1/_gateway/gw-1/state', Buffer.from('off'), { retain: true })
    const closing = bridge.close()
    wire.send(message(tick, 'late', { packetId: 1 }))
    expect(taken).toEqual([])
    expect(wire.packets().at(-1)?.type).toBe(types.disconnect)
    const said = wire.ofType(types.publish).map((one) => bytesToHex(readMessage(one).payload))
    expect(said).toEqual([bytesToHex(Buffer.from('off'))])
    expect(wire.ended).toBe(true)
    wire.events.onClose('')
    await closing
    await time.advance(60_000)
    expect(time.pending()).toBe(0)
  })

  test('does not wait for ever', async () => {
    const { bridge, time, wire } = await onlineScene()
    const closing = bridge.close()
    await time.advance(2_000)
    await closing
    expect(wire.destroyed).toBe(true)
  })

  test.each(['waiting', 'connecting'])('comes at once while %s', async (state) => {
    const scene = await openBridgeScene()
    await scene.time.settle()
    if (state === 'waiting') scene.broker.last().events.onClose('gone')
    const closing = scene.bridge.close()
    scene.broker.last().events.onClose('gone')
    await scene.time.advance(60_000)
    await closing
    expect(scene.broker.wires).toHaveLength(1)
    expect(scene.report()).toMatchObject({ state: 'closed' })
  })
})

test('our own messages are counted until the broker acknowledges them', async () => {
  const { bridge, time, wire, report } = await onlineScene({ limits: { outgoingMessagesMax: 1 } })
  const accept = 'tickpay/1/acme/ev-1/down/accept'
  bridge.link.publish(accept, Buffer.from('1'), { retain: false })
  bridge.link.publish(accept, Buffer.from('2'), { retain: false })
  expect(report()).toMatchObject({ published: 1, dropped: 1 })
  await time.settle()
  wire.send(puback(1))
  bridge.link.publish(accept, Buffer.from('3'), { retain: false })
  expect(report()).toMatchObject({ published: 2, dropped: 1 })
})
