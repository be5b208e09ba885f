/** A store restored from an older copy is recognised by what devices have seen. */
import { beforeEach, describe, expect, test } from 'vitest'
import { present } from '../../../protocol/assert.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { checkpointOf, openScene, renewalOf, sessionOf } from '../../support/gatewayScene.ts'
import { backUp, restore } from '../../support/gatewayState.ts'
import type { Committed } from '../../support/scriptedDevice.ts'

let scene: Scene
let device: SceneDevice
let first: Committed

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  first = await device.commit({ length: 1_000 })
  await device.tick(first, 10)
})

const markOf = (one: SceneDevice) => present(one.client.received.acks.at(-1), 'an ack').mark
const fencePosition = () => scene.world.gateway.core.state.fencePosition
const told = (one = device) => sessionOf(scene, one)?.supply[0]
const fenced = { level: 'off', reason: 'fenced' }
const on = { level: 'on', reason: 'ok' }

/** Loses everything that happened while `between` ran, and starts again. */
async function lose(between: () => Promise<void>): Promise<void> {
  const copy = backUp(scene.world)
  await between()
  await scene.world.crash()
  await restore(scene.world, copy)
  await scene.world.restart()
}

describe('(!) the fence', () => {
  // T02
  test('is raised by a later mark; old words settle, supply waits for a checkpoint', async () => {
    await lose(() => device.tick(first, 50))
    await device.reconnect(markOf(device))
    expect(fencePosition()).toBeGreaterThan(0)
    expect(device.client.received.slots).toMatchObject([{ held: { index: 10 }, supply: fenced }])
    await device.tick(first, 50)
    expect(device.lastAck()).toMatchObject({ index: 50, supply: fenced })
    expect(await scene.call('settle')).toMatchObject({ paid: '15000', refused: 0 })
    await device.commit(renewalOf(first))
    expect(told()).toEqual(fenced)
    await device.commit({ ...checkpointOf(first, 51), epoch: 3 })
    expect(told()).toEqual(on)
  })

  test('stands after a restart, and for devices that have seen nothing', async () => {
    const other = await scene.device('ev-2')
    await other.commit()
    await lose(() => device.tick(first, 50))
    await device.reconnect(markOf(device))
    await other.reconnect()
    expect(told(other)).toEqual(fenced)
    await scene.world.crash()
    await scene.world.restart()
    await other.reconnect()
    expect(told(other)).toEqual(fenced)
  })

  test('is raised once for what one life lost: who has come back stays back', async () => {
    const other = await scene.device('ev-2')
    const theirs = await other.commit()
    await lose(async () => {
      await device.tick(first, 50)
      await other.tick(theirs, 5)
    })
    await device.reconnect(markOf(device))
    await device.commit(checkpointOf(first, 50))
    expect(told()).toEqual(on)
    const { mark } = present(other.client.received.acks.at(-1), 'an ack')
    await other.reconnect(mark)
    expect(told(other)).toEqual(fenced)
    await scene.world.time.advance(2_000)
    expect(told()).toEqual(on)
    await other.reconnect(mark)
    expect(told()).toEqual(on)
  })

  test('is raised again when the store is restored again', async () => {
    await lose(() => device.tick(first, 50))
    await device.reconnect(markOf(device))
    const second = await device.commit(checkpointOf(first, 60))
    await lose(() => device.tick(second, 20))
    await device.reconnect(markOf(device))
    expect(told()).toEqual(fenced)
  })

  test('is raised by the mark of a life that the copy has never known', async () => {
    const copy = backUp(scene.world)
    await scene.world.crash()
    await scene.world.restart()
    await device.reconnect()
    await device.tick(first, 11)
    await scene.world.crash()
    await restore(scene.world, copy)
    await scene.world.restart()
    await device.reconnect(markOf(device))
    expect(told()).toEqual(fenced)
  })

  test('is not raised by a forged mark', async () => {
    const mark = markOf(device)
    const forged = { ...mark, position: mark.position + 1_000 }
    await device.reconnect(forged)
    await device.reconnect({ ...mark, life: new Uint8Array(16).fill(3) })
    await device.reconnect({ ...mark, seal: new Uint8Array(16) })
    expect(fencePosition()).toBe(0)
    expect(told()).toEqual(on)
  })

  test('is not raised by an ordinary crash, nor by a clean stop', async () => {
    await scene.world.crash(40)
    await scene.world.restart()
    await device.reconnect(markOf(device))
    expect(told()).toEqual(on)
    await device.tick(first, 20)
    await scene.during(scene.world.gateway.close())
    await scene.world.crash()
    await scene.world.restart()
    await device.reconnect(markOf(device))
    expect(fencePosition()).toBe(0)
    expect(told()).toEqual(on)
  })
})

// T02
test('a restored gateway takes up what the ledger has paid, and pays nothing twice', async () => {
  await lose(async () => {
    await device.tick(first, 50)
    await scene.call('settle')
  })
  await device.reconnect(markOf(device))
  await device.tick(first, 30)
  expect(await scene.call('settle')).toMatchObject({ channels: 1, paid: '0', refused: 0 })
  const [report] = (await scene.call('channels')) as Record<string, unknown>[]
  expect(report).toMatchObject({ paid: '9000', settled: '15000', exposure: '0' })
  await device.tick(first, 60)
  expect(await scene.call('settle')).toMatchObject({ paid: '3000' })
  expect(scene.world.ledger.audit()).toEqual([])
})

test('(!) a restored gateway gives no position again that the ledger has paid', async () => {
  await lose(async () => {
    const lost = await scene.device('ev-lost')
    await lost.tick(await lost.commit(), 3)
    await scene.call('settle')
  })
  const fresh = await scene.device('ev-new')
  await fresh.tick(await fresh.commit(), 5)
  expect(await scene.call('settle')).toMatchObject({ paid: String(300 * 5), refused: 0 })
})
