import { expect, test } from 'vitest'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { readMessage, types } from './support/modelBroker.ts'
import { onlineScene, openBridgeScene } from './support/scene.ts'

const state = 'tickpay/1/_gateway/gw-1/state'
const device = 'tickpay/1/acme/_/devices/ev-1'
const accept = 'tickpay/1/acme/ev-1/down/accept'
const ack = 'tickpay/1/acme/ev-1/down/ack'

test('before there is a connection: retained comes later, the rest is lost', async () => {
  const scene = await openBridgeScene()
  const { bridge } = scene
  bridge.link.publish(state, Buffer.from('starting'), { retain: true })
  bridge.link.publish(state, Buffer.from('online'), { retain: true })
  bridge.link.publish(accept, Buffer.from('x'), { retain: false })
  const wire = await scene.goOnline()
  const said = wire.ofType(types.publish).map(readMessage)
  expect(said).toMatchObject([{ topic: state, retain: true, payload: utf8ToBytes('online') }])
  expect(scene.report()).toMatchObject({ published: 1, dropped: 1 })
})

test('every connection begins with all that is retained', async () => {
  const scene = await onlineScene()
  const { bridge, time, wire } = scene
  bridge.link.publish(state, Buffer.from('online'), { retain: true })
  bridge.link.publish(device, Buffer.from('1'), { retain: true })
  wire.events.onClose('it closed the connection')
  bridge.link.publish(device, Buffer.from('2'), { retain: true })
  await time.advance(300)
  const again = await scene.goOnline()
  const said = again.ofType(types.publish).map(readMessage)
  expect(said.map(({ topic, payload }) => `${topic} ${Buffer.from(payload)}`).sort()).toEqual([
    `${state} online`,
    `${device} 2`,
  ])
})

test('a broker that reads slowly is told again no faster than it reads', async () => {
  const scene = await onlineScene()
  const { bridge, time } = scene
  for (let n = 0; n < 5; n++) {
    bridge.link.publish(`${device}${n}`, new Uint8Array(1_000), { retain: true })
  }
  scene.wire.events.onClose('it closed the connection')
  await time.advance(300)
  await time.settle()
  const slow = scene.broker.last()
  slow.waitingBytes = 2_000_000
  await scene.goOnline()
  await time.advance(5_000)
  expect(slow.ofType(types.publish)).toHaveLength(0)
  slow.waitingBytes = 0
  await time.advance(100)
  expect(slow.ofType(types.publish)).toHaveLength(5)
})

test('acks go at QoS 0, everything else at QoS 1', async () => {
  const { bridge, time, wire } = await onlineScene()
  for (const topic of [ack, accept]) bridge.link.publish(topic, Buffer.from('x'), { retain: false })
  await time.settle()
  const said = wire.ofType(types.publish).map(readMessage)
  expect(said.map(({ topic, packetId }) => [topic, packetId])).toEqual([
    [ack, undefined],
    [accept, 1],
  ])
})

test('a broker that takes nothing more loses answers and no retained report', async () => {
  const { bridge, time, wire, report } = await onlineScene()
  wire.waitingBytes = 16 * 1_024 * 1_024
  bridge.link.publish(accept, Buffer.from('x'), { retain: false })
  bridge.link.publish(device, Buffer.from('1'), { retain: true })
  expect(report()).toMatchObject({ dropped: 1, published: 0 })
  wire.waitingBytes = 0
  await time.advance(100)
  expect(wire.ofType(types.publish).map((one) => readMessage(one).topic)).toEqual([device])
})

test('retained topics are bounded', async () => {
  const { bridge, logs } = await onlineScene({ limits: { retainedTopicsMax: 1 } })
  bridge.link.publish(state, Buffer.from('1'), { retain: true })
  bridge.link.publish(state, Buffer.from('2'), { retain: true })
  bridge.link.publish(device, Buffer.from('1'), { retain: true })
  expect(logs.filter((line) => line.includes('too many retained topics'))).toHaveLength(1)
})

test('says how it is doing', async () => {
  const scene = await openBridgeScene()
  expect(scene.report()).toMatchObject({
    kind: 'attached',
    place: 'mqtt://broker:1883',
    state: 'connecting',
    reason: null,
  })
  const wire = await scene.goOnline()
  expect(scene.report()).toMatchObject({
    state: 'online',
    connections: 1,
    sinceAtSeconds: 1_750_000_000,
  })
  await scene.time.advance(7_000)
  wire.events.onClose('it closed the connection')
  expect(scene.report()).toMatchObject({
    state: 'waiting',
    reason: 'it closed the connection',
    sinceAtSeconds: 1_750_000_007,
  })
})
