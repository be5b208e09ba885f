/** The short way of ticks: what comes of it is what comes of messages on `up/tick`. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { TickLane } from '../../../gateway/broker/broker.ts'
import { present } from '../../../protocol/assert.ts'
import type { Tick } from '../../../protocol/tick.ts'
import { encodeTicks } from '../../../protocol/tick.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene, sessionOf } from '../../support/gatewayScene.ts'
import { stateOf } from '../../support/gatewayState.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { tickOf } from '../../support/scriptedDevice.ts'

let scene: Scene
let device: SceneDevice
let committed: Committed
let lane: TickLane

const idOf = () => present(sessionOf(scene, device), 'a session').id
const identityOf = (name: string) => ({ kind: 'device', fleet: 'acme', device: name }) as const
const openLane = (sessionId = idOf()) =>
  scene.world.gateway.openLane?.(identityOf('ev-1'), sessionId)

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1', { units: ['Wh', 'Wh'] })
  committed = await device.commit()
  lane = present(openLane(), 'a lane')
})

/** Hands ticks in from the middle of a buffer, which is overwritten at once. */
async function take(...ticks: readonly Tick[]): Promise<void> {
  const message = encodeTicks(ticks)
  const bytes = new Uint8Array(message.length + 9).fill(0xff)
  bytes.set(message, 4)
  lane.take(bytes, 4, 4 + message.length)
  bytes.fill(0xee)
  await scene.round()
}

const held = () => scene.world.gateway.core.state.hot.register(0)
const spoiled = (index: number) => ({
  ...tickOf(committed, index),
  word: new Uint8Array(32).fill(1),
})

describe('a lane', () => {
  test('is the topic of its device', () => {
    expect(lane.topic).toBe('tickpay/1/acme/ev-1/up/tick')
  })

  test('takes ticks, which are durable and acknowledged in one message', async () => {
    const before = device.client.received.acks.length
    await take(tickOf(committed, 3), tickOf(committed, 7))
    expect(held().index).toBe(7)
    expect(device.client.received.acks.length).toBe(before + 1)
    expect(device.lastAck()).toMatchObject({ slot: 0, epoch: 1, index: 7 })
    await scene.world.crash()
    await scene.world.restart()
    expect(held().index).toBe(7)
    expect(held().word).toEqual(committed.chain.wordAt(7))
  })

  test('leads to the state that messages lead to', async () => {
    await take(tickOf(committed, 5), tickOf(committed, 2), tickOf(committed, 9))
    const byLane = stateOf(scene.world)
    const other = await openScene()
    const same = await other.device('ev-1', { key: device.identity.key, units: ['Wh', 'Wh'] })
    const again = await same.commit()
    await same.sendTicks(tickOf(again, 5), tickOf(again, 2), tickOf(again, 9))
    expect(byLane).toBe(stateOf(other.world))
  })

  test('refuses as messages are refused, and counts them', async () => {
    const { counters } = scene.world.gateway.core
    const messages = counters.messages
    lane.take(new Uint8Array(43), 0, 43)
    await scene.round()
    expect(device.lastReject()?.reason).toBe('malformed')
    await take({ ...tickOf(committed, 3), slot: 9 })
    expect(device.lastReject()).toMatchObject({ slot: 9, reason: 'unknown_channel' })
    await take(spoiled(4))
    expect(device.lastReject()).toMatchObject({ slot: 0, reason: 'bad_word' })
    expect(held().index).toBe(0)
    expect(counters.messages).toBe(messages + 3)
  })

  test('takes nothing from a session that is condemned, also within one message', async () => {
    const word = spoiled(4)
    await take(word, word, word, tickOf(committed, 5))
    expect(held().index).toBe(0)
    await take(tickOf(committed, 6))
    expect(held().index).toBe(0)
  })

  test('takes nothing once another session has come', async () => {
    const old = lane
    await device.reconnect()
    old.take(encodeTicks([tickOf(committed, 6)]), 0, 42)
    await scene.round()
    expect(held().index).toBe(0)
    lane = present(openLane(), 'a lane of the new session')
    await take(tickOf(committed, 6))
    expect(held().index).toBe(6)
  })

  test('takes nothing once the device has gone', async () => {
    const id = idOf()
    await device.client.transport.close()
    lane.take(encodeTicks([tickOf(committed, 6)]), 0, 42)
    await scene.round()
    expect(held().index).toBe(0)
    expect(openLane(id)).toBeUndefined()
  })

  test('is opened for sessions of devices only', () => {
    const { gateway } = scene.world
    expect(openLane('another')).toBeUndefined()
    expect(gateway.openLane?.(identityOf('ev-9'), idOf())).toBeUndefined()
    expect(gateway.openLane?.({ kind: 'fleet', fleet: 'acme' }, idOf())).toBeUndefined()
  })

  test('what its ticks have changed is in every later report', async () => {
    const report = () => {
      const bytes = scene.world.broker.retained.get('tickpay/1/acme/_/devices/ev-1')
      return new TextDecoder().decode(present(bytes, 'a report'))
    }
    for (const index of [4, 8]) {
      await take(tickOf(committed, index))
      await scene.world.time.advance(10_000)
      expect(report()).toContain(`"index":${index}`)
    }
  })

  test('messages taken while the batch is the same become durable together', async () => {
    const { gateway } = scene.world
    const order: string[] = []
    const batch = gateway.batch?.()
    lane.take(encodeTicks([tickOf(committed, 1)]), 0, 42)
    lane.take(encodeTicks([tickOf(committed, 2)]), 0, 42)
    expect(gateway.batch?.()).toBe(batch)
    gateway.whenDurable?.(() => order.push('durable'))
    expect(order).toEqual([])
    await scene.round()
    expect(order).toEqual(['durable'])
    expect(gateway.batch?.()).not.toBe(batch)
  })
})
