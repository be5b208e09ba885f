/** Refusals that repeat: what a second one costs, and when they end the connection. */
import { describe, expect, test } from 'vitest'
import { JUMP_HASHES_BURST } from '../../../protocol/limits.ts'
import type { RefusalScene } from '../../support/refusalScene.ts'
import {
  expectProofHeld,
  expectRefused,
  openRefusalScene,
  wrong,
} from '../../support/refusalScene.ts'
import { tickOf } from '../../support/scriptedDevice.ts'

describe('the same refusal again', () => {
  const bad = ({ device }: RefusalScene) =>
    device.sendTicks({ slot: 0, epoch: 1, index: 30, word: wrong })

  test('carries what is held now, not what was held before', async () => {
    const opened = await openRefusalScene()
    const { device, committed } = opened
    await bad(opened)
    expectProofHeld(opened)
    await device.tick(committed, 20)
    await bad(opened)
    expect(device.lastReject()?.held).toMatchObject({ index: 20, word: committed.chain.wordAt(20) })
  })

  test('is answered without reading the channel again', async () => {
    const opened = await openRefusalScene()
    const { scene, device } = opened
    await bad(opened)
    const { cold } = scene.world.gateway.core.state
    const { commitment } = cold
    let read = 0
    Object.assign(cold, {
      commitment: (...at: Parameters<typeof commitment>) => {
        read += 1
        return commitment(...at)
      },
    })
    await bad(opened)
    expect(device.client.received.rejects).toHaveLength(2)
    expect(device.client.received.rejects[1]).toEqual(device.client.received.rejects[0])
    expect(read).toBe(0)
  })
})

describe('large jumps of all channels together', () => {
  const spendAll = ({ scene }: RefusalScene) => {
    const { jumps, ports } = scene.world.gateway.core
    // As of when the device's message will have arrived.
    jumps.spend(JUMP_HASHES_BURST, ports.clock.monotonicMs() + 100)
  }

  test('wait when others have used up what there is, and cost no hash', async () => {
    const opened = await openRefusalScene()
    const { scene, device, committed, hashes } = opened
    spendAll(opened)
    const before = hashes()
    const tick = tickOf(committed, 900)
    await expectRefused(opened, 'slow_down', () => device.sendTicks(tick))
    expect(hashes()).toBe(before)
    await scene.world.time.advance(1_000)
    await device.tick(committed, 900)
  })

  test('hold up nobody who keeps up', async () => {
    const opened = await openRefusalScene()
    spendAll(opened)
    await opened.device.tick(opened.committed, 26)
  })
})

describe('strikes', () => {
  const badTick = ({ committed }: RefusalScene) => ({ ...tickOf(committed, 11), word: wrong })

  async function openWithFault() {
    const opened = await openRefusalScene()
    return { ...opened, fault: () => opened.device.sendTicks(badTick(opened)) }
  }

  test('three in 60 s close the connection, after the last refusal is told', async () => {
    const { device, committed, fault } = await openWithFault()
    const { received } = device.client
    await fault()
    await fault()
    expect(received.closed).toBe(false)
    await fault()
    expect(received.rejects).toHaveLength(3)
    expect(received.closed).toBe(true)
    await device.reconnect()
    await device.tick(committed, 11)
    expect(device.lastAck()).toMatchObject({ index: 11 })
  })

  test('two, and a third after the window, do not', async () => {
    const { scene, device, fault } = await openWithFault()
    await fault()
    await fault()
    await scene.world.time.advance(60_000)
    await fault()
    expect(device.client.received.closed).toBe(false)
  })

  test('what follows the third in the same message is not even looked at', async () => {
    const opened = await openRefusalScene()
    const { device, hashes } = opened
    const bad = badTick(opened)
    const before = hashes()
    await device.sendTicks(bad, bad, bad, bad, bad)
    expect(device.client.received.rejects).toHaveLength(3)
    expect(hashes() - before).toBe(3)
  })

  test('refusals that are no fault are none', async () => {
    const { device, committed } = await openRefusalScene()
    for (let time = 0; time < 5; time++) {
      await device.sendTicks({ ...tickOf(committed, 11), epoch: 7 })
    }
    expect(device.client.received.closed).toBe(false)
  })
})
