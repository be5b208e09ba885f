/** What is set aside for a channel, and who may have how much of what is left. */
import { describe, expect, test } from 'vitest'
import type { ChannelReport } from '../../../gateway/reports.ts'
import { present } from '../../../protocol/assert.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { checkpointOf, openScene, putMandate, renewalOf } from '../../support/gatewayScene.ts'

const price = 300n
const ticks = (count: number) => BigInt(count) * price

async function reports(scene: Scene): Promise<readonly ChannelReport[]> {
  return (await scene.call('channels')) as readonly ChannelReport[]
}

async function reserved(scene: Scene): Promise<readonly bigint[]> {
  return (await reports(scene)).map((one) => BigInt(one.reserved))
}

/** What a device was told last that it may commit to. */
function told(device: SceneDevice): number | undefined {
  return device.client.received.slots.at(-1)?.maxLength
}

describe('the reservation of a channel', () => {
  test('(!) is the highest worst case of its live commitments, never their sum', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 100 })
    expect(await reserved(scene)).toEqual([ticks(100)])
    await device.tick(first, 80)
    expect(await reserved(scene)).toEqual([ticks(100)])
    await device.commit(renewalOf(first, { length: 50 }))
    expect(await reserved(scene)).toEqual([ticks(150)])
    await device.commit({ ...renewalOf(first, { length: 30 }), epoch: 3 })
    expect(await reserved(scene)).toEqual([ticks(130)])
  })

  test('shrinks when a checkpoint supersedes, when the ledger pays, and on close', async () => {
    const scene = await openScene()
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 1_000 })
    await device.tick(first, 10)
    await device.commit({ ...checkpointOf(first, 12), length: 20 })
    expect(await reserved(scene)).toEqual([ticks(32)])
    await scene.call('settle')
    expect(await reserved(scene)).toEqual([ticks(20)])
    await scene.call('channel_close', { fleet: 'acme', device: 'ev-1', meter: 'meter-0' })
    expect(await reserved(scene)).toEqual([0n])
    expect(scene.world.gateway.core.state.allocations).toMatchObject([{ reserved: 0n }])
  })

  test('shrinks to what is held after the claim window, and grows by checkpoint', async () => {
    const scene = await openScene(undefined, { funds: ticks(150) })
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 100 })
    await device.tick(first, 10)
    await scene.call('settle')
    scene.world.time.jumpWall(9 * 86_400_000)
    await scene.call('settle')
    expect(await reserved(scene)).toEqual([0n])
    const other = await scene.device('ev-2')
    await other.commit({ length: 70 })
    // The old words stay worth nothing beyond what is held, until a checkpoint reserves anew.
    const [channelId] = device.channelIds
    await putMandate(scene, present(channelId, 'an id'), { sequence: 2 })
    await device.reconnect()
    await device.tick(first, 20)
    expect(device.lastReject()).toMatchObject({ reason: 'expired', held: { index: 10 } })
    await device.sendCommitment(
      device.commitment({ ...checkpointOf(first, 20), length: 61 }).commitment,
    )
    expect(device.lastReject()).toMatchObject({ reason: 'too_long' })
    expect(told(device)).toBe(54)
    const second = await device.commit({ ...checkpointOf(first, 20), epoch: 3, length: 54 })
    await device.tick(second, 5)
    expect(device.lastAck()).toMatchObject({ epoch: 3, index: 5 })
    expect(await reserved(scene)).toEqual([ticks(74 - 10), ticks(70)])
  })

  test('what was freed after the claim window is not counted on twice', async () => {
    const scene = await openScene(undefined, { funds: ticks(110) })
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 110 })
    scene.world.time.jumpWall(9 * 86_400_000)
    await scene.call('settle')
    const [two, three] = [await scene.device('ev-2'), await scene.device('ev-3')]
    await two.commit({ length: 64 })
    await three.commit({ length: 46 })
    await putMandate(scene, present(device.channelIds[0], 'an id'), { sequence: 2 })
    await device.reconnect()
    await device.sendCommitment(
      device.commitment({ ...checkpointOf(first, 0), length: 1 }).commitment,
    )
    expect(device.lastReject()).toMatchObject({ reason: 'no_funds' })
  })
})

describe('what is free', () => {
  // T06
  test('two devices that race for the last funds never get more than there is', async () => {
    const scene = await openScene(undefined, { funds: ticks(100) })
    const [one, two] = [await scene.device('ev-1'), await scene.device('ev-2')]
    expect([told(one), told(two)]).toEqual([100, 64])
    const both = [one, two].map((device) =>
      device.sendCommitment(device.commitment({ length: 64 }).commitment),
    )
    await Promise.all(both)
    expect(one.client.received.accepts).toHaveLength(1)
    expect(two.lastReject()).toMatchObject({ reason: 'too_long' })
    expect(told(two)).toBe(36)
    await two.commit({ length: 36 })
    expect(await reserved(scene)).toEqual([ticks(64), ticks(36)])
    const three = await scene.device('ev-3')
    expect(told(three)).toBe(0)
    await three.sendCommitment(three.commitment({ length: 1 }).commitment)
    expect(three.lastReject()).toMatchObject({ reason: 'no_funds' })
  })

  test('(!) a channel is given a fair share of it, and no more', async () => {
    const scene = await openScene(undefined, { funds: ticks(4_000) })
    const [one, two] = [await scene.device('ev-1'), await scene.device('ev-2')]
    expect(told(two)).toBe(2_000)
    await one.sendCommitment(one.commitment({ length: 2_001 }).commitment)
    expect(one.lastReject()).toMatchObject({ reason: 'too_long' })
    expect(told(one)).toBe(2_000)
    const first = await one.commit({ length: 2_000 })
    await one.tick(first, 1_000)
    // What it has reserved and not used is its own: a checkpoint may have it again.
    await one.commit({ ...checkpointOf(first, 1_000), length: 1_000 + 1_000 })
  })

  test('what a device was told holds while nobody else has come to share', async () => {
    const scene = await openScene(undefined, { funds: ticks(100_000) })
    const crowd: SceneDevice[] = []
    for (let count = 0; count < 12; count++) crowd.push(await scene.device(`ev-${count}`))
    for (const device of crowd) await device.reconnect()
    const asTold = crowd.map((device) => ({ device, length: present(told(device), 'a length') }))
    for (const { device, length } of asTold) await device.commit({ length })
    expect(crowd.map((device) => device.lastReject())).toEqual(crowd.map(() => undefined))
    const all = (await reserved(scene)).reduce((sum, one) => sum + one, 0n)
    expect(all).toBeLessThanOrEqual(ticks(100_000))
  })

  test('a gap is paid although it leaves less for the epoch after it', async () => {
    const scene = await openScene(undefined, { funds: ticks(100) })
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 50 })
    const gap = { ...checkpointOf(first, 90), length: 50 }
    await device.sendCommitment(device.commitment(gap).commitment)
    expect(device.lastReject()).toMatchObject({ reason: 'too_long' })
    expect(told(device)).toBe(10)
    await device.commit({ ...gap, length: 10 })
  })

  test('a device that was kept short is told when there is more', async () => {
    const scene = await openScene(undefined, { funds: 1n })
    const device = await scene.device('ev-1')
    expect(told(device)).toBe(0)
    await scene.call('ledger_fund', { fleet: 'acme', amount: ticks(500).toString() })
    await scene.world.time.advance(6_000)
    expect(told(device)).toBe(500)
    await scene.world.time.advance(60_000)
    expect(device.client.received.slots).toHaveLength(2)
  })

  test('(!) a withdrawal counts as gone from its request, for new reservations only', async () => {
    const scene = await openScene(undefined, { funds: ticks(200) })
    const device = await scene.device('ev-1')
    const first = await device.commit({ length: 100 })
    await scene.call('ledger_withdraw', { fleet: 'acme', amount: ticks(200).toString() })
    await device.tick(first, 80)
    expect(device.lastAck()).toMatchObject({ index: 80, supply: { level: 'on' } })
    await device.sendCommitment(device.commitment(renewalOf(first, { length: 1 })).commitment)
    expect(device.lastReject()).toMatchObject({ reason: 'no_funds' })
    const more = { ...checkpointOf(first, 80), length: 21 }
    await device.sendCommitment(device.commitment(more).commitment)
    expect(device.lastReject()).toMatchObject({ reason: 'too_long' })
    // What was promised before the request is still promised.
    const second = await device.commit({ ...checkpointOf(first, 80), length: 20 })
    await device.tick(second, 20)
    await scene.call('settle')
    expect(await reports(scene)).toMatchObject([{ settled: ticks(100).toString() }])
  })
})
