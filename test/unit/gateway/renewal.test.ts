/** Renewals and checkpoints at the gateway: what moves, what waits, what is dropped. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { checkpointOf, openScene, renewalOf } from '../../support/gatewayScene.ts'
import { stateOf } from '../../support/gatewayState.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { tickOf } from '../../support/scriptedDevice.ts'
import { testConfig, testTariff } from '../../support/virtualGateway.ts'

let scene: Scene
let device: SceneDevice
let first: Committed

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  first = await device.commit({ length: 100 })
})

const report = async () => ((await scene.call('channels')) as Record<string, unknown>[])[0]

describe('a renewal', () => {
  test('waits beside the running epoch, moves nothing, and ticking never pauses', async () => {
    await device.tick(first, 80)
    const renewal = await device.commit(renewalOf(first))
    expect(await report()).toMatchObject({ epoch: 1, index: 80, paid: '24000' })
    await device.tick(first, 99)
    expect(device.lastAck()).toMatchObject({ epoch: 1, index: 99 })
    await device.sendTicks(tickOf(first, 100), tickOf(renewal, 1))
    expect(device.lastAck()).toMatchObject({ epoch: 2, index: 1 })
    expect(await report()).toMatchObject({ unitsPaid: '1010', paid: '30300' })
  })

  test('is evidence of nothing before one of its own words', async () => {
    await device.tick(first, 80)
    await device.commit(renewalOf(first))
    expect(await scene.call('settle')).toMatchObject({ paid: '24000', refused: 0 })
    await device.tick(first, 80)
    expect(device.lastAck()).toMatchObject({ epoch: 1, index: 80 })
  })

  test('shown before the last word of the epoch before, it pays for that whole epoch', async () => {
    await device.tick(first, 80)
    const renewal = await device.commit(renewalOf(first))
    await device.tick(renewal, 1)
    expect(await report()).toMatchObject({ epoch: 2, index: 1, paid: '30300', unitsPaid: '1010' })
    await device.tick(first, 100)
    expect(device.lastAck()).toMatchObject({ epoch: 2, index: 1 })
    expect(await scene.call('settle')).toMatchObject({ paid: '30300', refused: 0 })
  })

  test('gives way to a newer one, whose words count from then on', async () => {
    const second = await device.commit(renewalOf(first))
    const third = await device.commit({ ...renewalOf(first, { length: 70 }), epoch: 3 })
    await device.tick(second, 1)
    expect(device.lastReject()).toMatchObject({ reason: 'unknown_epoch' })
    expect(device.lastReject()?.pending).toEqual(third.commitment)
    await device.tick(third, 1)
    expect(device.lastAck()).toMatchObject({ epoch: 3, index: 1 })
  })

  test('(!) is dropped by a checkpoint, and its words and its reservation with it', async () => {
    await device.tick(first, 80)
    const renewal = await device.commit(renewalOf(first, { length: 500 }))
    await device.commit({ ...checkpointOf(first, 85), epoch: 3, length: 40 })
    expect(await report()).toMatchObject({ reserved: String(300 * (85 + 40)), paid: '25500' })
    const before = stateOf(scene.world)
    await device.tick(renewal, 1)
    expect(device.client.received.rejects).toEqual([])
    expect(device.lastAck()).toMatchObject({ epoch: 3, index: 0 })
    expect(stateOf(scene.world)).toBe(before)
  })

  test('over forty epochs and several settlements the amount is exact', async () => {
    let running = await device.commit({ ...checkpointOf(first, 0), length: 3 })
    for (let epoch = 0; epoch < 40; epoch++) {
      const next = await device.commit(renewalOf(running, { length: 3 }))
      await device.sendTicks(tickOf(running, 3), tickOf(next, 1))
      running = next
      if (epoch % 7 === 0) await scene.call('settle')
    }
    expect(await report()).toMatchObject({ epoch: 42, index: 1, paid: String(300 * 121) })
    await scene.call('settle')
    expect(await report()).toMatchObject({ settled: String(300 * 121), exposure: '0' })
  })
})

describe('a checkpoint', () => {
  test('pays a gap of any size at the old price, also past the end of the epoch', async () => {
    await device.tick(first, 10)
    await device.commit({ ...checkpointOf(first, 5_000), length: 10 })
    expect(await report()).toMatchObject({ paid: '1500000', unitsPaid: '50000', index: 0 })
    expect(await scene.call('settle')).toMatchObject({ paid: '1500000', refused: 0 })
  })

  test('moves to another tariff at its date, each gap at its own price', async () => {
    const dearFrom = scene.nowSeconds() + 600
    const cheap = testTariff({ validUntil: dearFrom })
    const dear = testTariff({ validFrom: dearFrom, pricePerTick: 500n, creditTicks: 4 })
    scene = await openScene(testConfig({ tariffs: [cheap, dear] }))
    device = await scene.device('ev-1')
    expect(device.client.received.welcomes.at(-1)?.tariffs).toHaveLength(2)
    first = await device.commit({ tariff: cheap, expiry: dearFrom })
    await device.tick(first, 10)
    scene.world.time.jumpWall(600_000)
    const start = { ...checkpointOf(first, 12), tariff: dear, length: 50 }
    const second = await device.commit(start)
    await device.tick(second, 3)
    expect(await report()).toMatchObject({ paid: String(12 * 300 + 3 * 500), creditUnits: '40' })
  })

  test('may have any higher epoch', async () => {
    await device.commit({ ...checkpointOf(first, 0), epoch: 4_000_000_000 })
    expect(await report()).toMatchObject({ epoch: 4_000_000_000, index: 0 })
  })
})

test('10,000 ticks cost as many signatures as there were commitments', async () => {
  let running = await device.commit({ ...checkpointOf(first, 0), length: 1_000 })
  for (let round = 0; round < 10; round++) {
    await scene.world.time.advance(10_000)
    await device.tick(running, 900)
    const next = await device.commit(renewalOf(running, { length: 1_000 }))
    await device.sendTicks(tickOf(running, 1_000), tickOf(next, 1))
    running = next
  }
  const status = (await scene.call('status')) as Record<string, Record<string, unknown>>
  expect(status['accepted']).toBe(10_001)
  expect(status['signatures']?.['commitments']).toEqual({
    opened: 1,
    checkpoints: 1,
    renewals: 10,
  })
})
