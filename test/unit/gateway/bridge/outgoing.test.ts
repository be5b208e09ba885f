import { beforeEach, expect, test } from 'vitest'
import type { Outgoing } from '../../../../gateway/bridge/outgoing.ts'
import { createOutgoing } from '../../../../gateway/bridge/outgoing.ts'
import type { ModelWire } from './support/modelBroker.ts'
import { modelBroker, readMessage, types } from './support/modelBroker.ts'
import { testLimits } from './support/scene.ts'

let wire: ModelWire
let outgoing: Outgoing
let woken = 0

const limits = { ...testLimits, outgoingMessagesMax: 5, outgoingBytesMax: 1_000 }

beforeEach(async () => {
  const broker = modelBroker()
  const opened = await broker.open({ onData: () => {}, onClose: () => {} })
  wire = broker.last()
  woken = 0
  outgoing = createOutgoing(opened, limits, () => {
    woken += 1
  })
})

function publish(topic: string, qos: 0 | 1, bytes = 1): boolean {
  return outgoing.publish({ topic, payload: new Uint8Array(bytes), retain: false, qos })
}

test('what is published within a turn is written once, in order', () => {
  publish('a', 1)
  outgoing.acknowledge([7, 9])
  publish('b', 0)
  expect([wire.packets().length, woken]).toEqual([0, 1])
  outgoing.flush()
  expect(wire.packets().map(({ type }) => type)).toEqual([
    types.publish,
    types.puback,
    types.puback,
    types.publish,
  ])
  publish('c', 1)
  expect(woken).toBe(2)
})

test('packet ids are not used twice before they are released', () => {
  for (const topic of ['a', 'b', 'c', 'd', 'e']) expect(publish(topic, 1)).toBe(true)
  expect(publish('f', 1)).toBe(false)
  expect(publish('g', 0)).toBe(true)
  outgoing.release(3)
  outgoing.release(3)
  outgoing.release(999)
  expect(publish('h', 1)).toBe(true)
  expect(publish('i', 1)).toBe(false)
  outgoing.flush()
  const ids = wire.packets().map((packet) => readMessage(packet).packetId)
  expect(ids).toEqual([1, 2, 3, 4, 5, undefined, 6])
})

test('ids start again at 1 and skip those in use', async () => {
  const broker = modelBroker()
  const opened = await broker.open({ onData: () => {}, onClose: () => {} })
  const roomy = createOutgoing(opened, testLimits, () => {})
  const publish = (topic: string) =>
    roomy.publish({ topic, payload: new Uint8Array(0), retain: false, qos: 1 })
  publish('kept')
  for (let turn = 0; turn < 65_534; turn++) {
    publish('x')
    roomy.release(turn + 2)
  }
  publish('next')
  roomy.flush()
  const ids = broker
    .last()
    .packets()
    .map((packet) => readMessage(packet).packetId)
  expect([ids[0], ids.at(-2), ids.at(-1)]).toEqual([1, 65_535, 2])
})

test('what the broker does not read is bounded', () => {
  expect(publish('a', 1, 900)).toBe(true)
  expect(publish('b', 1, 900)).toBe(false)
  outgoing.flush()
  expect(publish('b', 1, 900)).toBe(true)
  outgoing.flush()
  wire.waitingBytes = 500
  expect(publish('c', 0, 900)).toBe(false)
  expect(outgoing.inFlight()).toBe(2)
})

test('a message longer than the buffer keeps its place', async () => {
  const broker = modelBroker()
  const opened = await broker.open({ onData: () => {}, onClose: () => {} })
  const large = createOutgoing(opened, testLimits, () => {})
  for (const bytes of [10, 70_000, 20]) {
    large.publish({ topic: 't', payload: new Uint8Array(bytes), retain: false, qos: 0 })
  }
  large.flush()
  const sizes = broker
    .last()
    .packets()
    .map((packet) => readMessage(packet).payload.length)
  expect(sizes).toEqual([10, 70_000, 20])
})
