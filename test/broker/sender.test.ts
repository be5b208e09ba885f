import { afterEach, describe, expect, test } from 'vitest'
import { newCounters } from '../../gateway/broker/broker.ts'
import type { Connection } from '../../gateway/broker/io/connection.ts'
import { newConnection } from '../../gateway/broker/io/connection.ts'
import { Gate } from '../../gateway/broker/io/gate.ts'
import { createTurnEnd } from '../../gateway/broker/io/lineWriter.ts'
import { createSender } from '../../gateway/broker/io/sender.ts'
import { defaultBrokerLimits } from '../../gateway/broker/limits.ts'
import { createPacketIds } from '../../gateway/broker/packetIds.ts'
import { createRetained } from '../../gateway/broker/retained.ts'
import { nodeClock, nodeTimers } from '../../ports/io/node.ts'
import { packet, publishPacket, readPublish, subscribePacket, types } from './rawClient.ts'
import { TestLine } from './testLine.ts'
import type { World, WorldOptions } from './world.ts'
import { startWorld, testLane } from './world.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const topic = Buffer.from('a/b')
const route = { topic, qos: 1 as const }

/** A sender to one client that has logged in, on a line that does as the test says. */
function senderOn(unacknowledgedMax: number) {
  const shared = {
    ports: { clock: nodeClock, timers: nodeTimers, log: () => {} },
    limits: defaultBrokerLimits,
    counters: newCounters(),
  }
  const line = new TestLine()
  const gate = new Gate(line, {
    packetBytesMax: 4_096,
    turnEnd: createTurnEnd(),
    onArrival: () => {},
    admit: () => 'taken',
    onViolation: () => {},
    onBlocked: () => {},
    onDrain: () => {},
  })
  const made = newConnection(shared, 1, 'test', ['device'], undefined)
  const packetIds = createPacketIds(unacknowledgedMax)
  const connection: Connection = { ...made, packetIds, gate, phase: 'open' }
  const retained = createRetained(10)
  const sender = createSender({ shared, retained, routeOf: () => route })
  const send = (payload: Uint8Array) =>
    sender.send(connection, route, { topic: 'a/b', payload, replaces: undefined })
  return { line, connection, send, pump: () => sender.pump(connection), packetIds }
}

describe('a message that has to wait', () => {
  const wide = Buffer.alloc(15_000, 'w')

  test('is not overtaken when the line takes a little again', async () => {
    const { line, send, pump, connection } = senderOn(10)
    line.stuck = []
    for (const byte of ['1', '2']) {
      send(Buffer.concat([Buffer.from(byte), wide]))
      await turn()
    }
    send(Buffer.from('3'))
    expect(connection.outbox.length()).toBe(1)
    line.stuck.shift()?.()
    await turn()
    send(Buffer.from('4'))
    expect(connection.outbox.length()).toBe(2)
    pump()
    await turn()
    while (line.stuck.length > 0) line.stuck.shift()?.()
    await turn()
    const sent = Buffer.concat(line.written)
    const short = ['3', '4'].map((text, at) => publishPacket('a/b', text, { id: 3 + at }))
    expect(sent.subarray(-Buffer.concat(short).length)).toEqual(Buffer.concat(short))
  })

  test('is the one that was given, whatever becomes of its bytes', async () => {
    const { line, send, pump, packetIds } = senderOn(1)
    send(Buffer.from('first'))
    const bytes = Buffer.from('second')
    send(bytes)
    bytes.fill(0)
    await turn()
    expect(Buffer.concat(line.written)).toEqual(publishPacket('a/b', 'first'))
    expect(packetIds.release(1)).toBe(true)
    pump()
    await turn()
    expect(line.written.at(-1)).toEqual(publishPacket('a/b', 'second', { id: 2 }))
  })
})

describe('a client', () => {
  let world: World
  const ack = 'tickpay/1/solar/pi1/down/ack'
  const tick = publishPacket('tickpay/1/solar/pi1/up/tick', 'x')

  async function subscribed(options: WorldOptions) {
    world = await startWorld(options)
    const client = await world.login({ username: 'solar/pi1' })
    client.send(subscribePacket(1, ['tickpay/1/solar/pi1/down/+']))
    await client.next(types.suback)
    return client
  }

  /** Sends until the buffers of the operating system are full and messages wait. */
  async function fill() {
    const queued = () => world.broker.sessions()[0]?.queued ?? 0
    for (let count = 0; queued() < 5 && count < 100_000; count++) {
      const payload = Buffer.alloc(3_000, 'x')
      world.broker.publish(ack, payload, { retain: false, replaces: `${count % 20}` })
      await turn()
    }
  }

  afterEach(() => world.close())

  test('that does not read is not listened to, until it reads', async () => {
    const lane = testLane()
    const client = await subscribed({ lane })
    client.socket.pause()
    await fill()
    client.send(tick)
    const other = await world.login({ username: 'solar/pi2' })
    other.send(publishPacket('tickpay/1/solar/pi2/up/tick', 'other'))
    await world.until(() => lane.ticks.includes('other'))
    expect(lane.ticks).toEqual(['other'])
    client.socket.resume()
    await world.until(() => lane.ticks.includes('x'))
  })

  test('that reads again within the drain timeout stays', async () => {
    const client = await subscribed({ limits: { drainTimeoutMs: 800 } })
    client.socket.pause()
    await fill()
    client.socket.resume()
    while (world.broker.sessions()[0]?.queued !== 0) await turn()
    const from = performance.now()
    while (performance.now() - from < 1_000) {
      client.send(packet(0xc0))
      await client.next(types.pingresp)
    }
    expect(world.broker.counters().closed).toEqual({})
  })

  test('that acknowledges nothing is sent no more, until it does', async () => {
    const client = await subscribed({})
    const queued = () => world.broker.sessions()[0]?.queued
    let sent = 0
    for (; queued() === 0 && sent < 70_000; sent++) {
      world.broker.publish(ack, Buffer.from(`${sent}`), { retain: false, replaces: 'ack' })
      if (sent % 500 === 0) await turn()
    }
    client.send(packet(0xc0))
    await client.next(types.pingresp)
    const arrived = client.waiting().length
    expect([arrived, queued()]).toEqual([sent - 1, 1])
    expect(arrived).toBe(16_384)
    client.send(packet(0x40, Buffer.from([0, 1])))
    client.send(packet(0xc0))
    await client.next(types.pingresp)
    const last = client.waiting().at(-1)
    expect(last && readPublish(last).payload).toBe(`${sent - 1}`)
    expect(world.broker.counters().messagesOut).toBe(sent)
  })
})
