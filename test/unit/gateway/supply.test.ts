/** Supply: what takes it away, what gives it back, and that it never decides about words. */
import { beforeEach, describe, expect, test } from 'vitest'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { encodeClose, encodeReading } from '../../../protocol/messages.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import {
  checkpointOf,
  openScene,
  putMandate,
  renewalOf,
  sessionOf,
} from '../../support/gatewayScene.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { tickOf } from '../../support/scriptedDevice.ts'

let scene: Scene
let device: SceneDevice
let committed: Committed

async function start(mandate = {}, lifeSeconds = 3_600): Promise<void> {
  scene = await openScene()
  device = await scene.device('ev-1', { mandate })
  committed = await device.commit({ length: 1_000, expiry: scene.nowSeconds() + lifeSeconds })
}

beforeEach(() => start())

/** What the device was told last, by whichever message. */
function told(slot = 0) {
  return sessionOf(scene, device)?.supply[slot]
}

function lastNotice() {
  return device.client.received.supplies.at(-1)
}

const on = { level: 'on', reason: 'ok' }
const off = (reason: string) => ({ level: 'off', reason })

describe('(!) supply never decides about words: a valid one is accepted and acknowledged', () => {
  test('paused by the fleet or the operator, until it is resumed', async () => {
    const name = { fleet: 'acme', device: 'ev-1' }
    await scene.call('pause', name)
    expect(lastNotice()).toMatchObject({ slot: 0, supply: off('paused') })
    await device.tick(committed, 5)
    expect(device.lastAck()).toMatchObject({ index: 5, supply: off('paused') })
    await scene.call('resume', name)
    expect(lastNotice()).toMatchObject({ supply: on })
    expect(device.client.received.supplies).toHaveLength(2)
  })

  test('over_limit: off a window before the limit of the day, until midnight UTC', async () => {
    await start({ limitPerDay: 300n * 100n }, 80_000)
    await device.tick(committed, 84)
    expect(device.lastAck()).toMatchObject({ index: 84, supply: on })
    await device.tick(committed, 85)
    expect(device.lastAck()).toMatchObject({ index: 85, supply: off('over_limit') })
    await device.tick(committed, 101)
    expect(device.lastAck()).toMatchObject({ index: 101, supply: off('over_limit') })
    const toMidnightMs = 86_400_000 - (scene.world.time.clock.nowMs() % 86_400_000)
    scene.world.time.jumpWall(toMidnightMs - 3_000)
    await scene.world.time.advance(2_500)
    expect(told()).toEqual(off('over_limit'))
    await scene.world.time.advance(2_000)
    expect(lastNotice()).toMatchObject({ supply: on })
    await device.tick(committed, 185)
    expect(device.lastAck()).toMatchObject({ index: 185, supply: on })
    await device.tick(committed, 186)
    expect(device.lastAck()).toMatchObject({ supply: off('over_limit') })
  })

  test('not_paying: what the device says it used is beyond the credit window (T08)', async () => {
    const report = async (register: bigint) => {
      void device.client.send('reading', encodeReading({ slot: 0, register }))
      await scene.world.time.advance(2_000)
    }
    await report(1_000n + 160n)
    expect(told()).toEqual(on)
    await report(1_000n + 161n)
    expect(lastNotice()).toMatchObject({ slot: 0, supply: off('not_paying') })
    await device.tick(committed, 1)
    expect(device.lastAck()).toMatchObject({ index: 1, supply: on })
  })

  test("over_limit: off a credit window before the mandate's own limit", async () => {
    await start({ limit: 300n * 1_000n })
    await device.tick(committed, 984)
    expect(device.lastAck()).toMatchObject({ supply: on })
    await device.tick(committed, 985)
    expect(device.lastAck()).toMatchObject({ index: 985, supply: off('over_limit') })
  })

  test('over_limit: a narrower mandate takes supply away at once', async () => {
    await device.tick(committed, 100)
    const [channelId = new Uint8Array()] = device.channelIds
    await putMandate(scene, channelId, { sequence: 2, limit: 300n * 115n })
    expect(device.client.received.slots.at(-1)).toMatchObject({ supply: off('over_limit') })
    await device.tick(committed, 200)
    expect(device.lastAck()).toMatchObject({ index: 200, supply: off('over_limit') })
  })

  test('mandate_expired, commitment_expired end supply; words count until claimUntil', async () => {
    scene.world.time.jumpWall(3_600_000)
    await scene.world.time.advance(2_000)
    expect(lastNotice()).toMatchObject({ supply: off('commitment_expired') })
    scene.world.time.jumpWall(23 * 3_600_000)
    await scene.world.time.advance(2_000)
    expect(lastNotice()).toMatchObject({ supply: off('mandate_expired') })
    scene.world.time.jumpWall(7 * 86_400_000 - 60_000)
    await device.tick(committed, 9)
    expect(device.lastAck()).toMatchObject({ index: 9, supply: off('mandate_expired') })
    scene.world.time.jumpWall(60_000)
    await device.tick(committed, 10)
    expect(device.lastReject()).toMatchObject({ reason: 'expired' })
  })

  // T52
  test('no_space: what is paid is supplied, no more, and words go on', async () => {
    scene.world.disk.setFreeShare(0.04)
    await scene.world.time.advance(32_000)
    expect(lastNotice()).toMatchObject({ supply: { level: 'limited', reason: 'no_space' } })
    await device.tick(committed, 9)
    expect(device.lastAck()).toMatchObject({ index: 9, supply: { level: 'limited' } })
    expect(await scene.call('settle')).toMatchObject({ channels: 1, paid: '2700' })
    scene.world.disk.setFreeShare(0.5)
    await scene.world.time.advance(32_000)
    expect(lastNotice()).toMatchObject({ supply: on })
  })
})

describe('without words', () => {
  test('no_mandate: a channel that nobody has given a limit', async () => {
    await scene.call('enrol_device', {
      fleet: 'acme',
      device: 'ev-1',
      publicKey: keyOf(device),
      meters: [{ meter: 'late', unit: 'Wh' }],
    })
    expect(device.client.received.slots.at(-1)).toMatchObject({
      slot: 1,
      mandate: undefined,
      supply: off('no_mandate'),
    })
  })

  test('closed: the device is told at once', async () => {
    void device.client.send('close', encodeClose({ slot: 0 }))
    await scene.round()
    expect(lastNotice()).toMatchObject({ supply: off('closed') })
    await device.tick(committed, 1)
    expect(device.lastReject()).toMatchObject({ reason: 'closed' })
  })

  test('every slot that changes is told, not only the last', async () => {
    const two = await scene.device('ev-2', { units: ['Wh', 'Wh', 'Wh'] })
    await scene.call('pause', { fleet: 'acme', device: 'ev-2' })
    expect(two.client.received.supplies.map(({ slot }) => slot)).toEqual([0, 1, 2])
  })

  test('a silent gateway still knows what time it is', async () => {
    scene.world.time.jumpWall(3_600_000)
    await scene.world.time.advance(1_500)
    expect(lastNotice()).toMatchObject({ supply: off('commitment_expired') })
    expect(scene.world.gateway.core.writer.seconds()).toBe(scene.nowSeconds())
  })
})

describe('clone_suspected', () => {
  // T03
  test('(!) a session whose words stay below its start: stale never extends supply', async () => {
    await device.tick(committed, 50)
    await device.reconnect()
    expect(told()).toEqual(on)
    await device.tick(committed, 49)
    expect(device.lastAck()).toMatchObject({ index: 50, supply: off('clone_suspected') })
    await device.tick(committed, 49)
    expect(device.lastAck()).toMatchObject({ supply: off('clone_suspected') })
    await device.tick(committed, 51)
    expect(device.lastAck()).toMatchObject({ index: 51, supply: on })
  })

  test('a repeated or late word of the same session is no clone', async () => {
    await device.tick(committed, 50)
    await device.tick(committed, 50)
    await device.tick(committed, 20)
    expect(device.lastAck()).toMatchObject({ index: 50, supply: on })
    await device.reconnect()
    await device.tick(committed, 50)
    expect(device.lastAck()).toMatchObject({ index: 50, supply: on })
  })

  test('words of an epoch before the start are', async () => {
    const next = await device.commit(checkpointOf(committed, 3))
    await device.tick(next, 1)
    await device.reconnect()
    await device.sendTicks({ ...tickOf(committed, 900) })
    expect(device.lastAck()).toMatchObject({ epoch: 2, supply: off('clone_suspected') })
  })

  test('a slot that was given to another channel is not judged by the former one', async () => {
    const next = await device.commit({ ...checkpointOf(committed, 3), epoch: 7 })
    await device.tick(next, 50)
    await device.reconnect()
    await scene.call('channel_close', { fleet: 'acme', device: 'ev-1', meter: 'meter-0' })
    const answer = (await scene.call('enrol_device', {
      fleet: 'acme',
      device: 'ev-1',
      publicKey: keyOf(device),
      meters: [{ meter: 'meter-0', unit: 'Wh' }],
    })) as { channels: { channelId: string }[] }
    const channelId = Buffer.from(answer.channels[0]?.channelId ?? '', 'hex')
    await putMandate(scene, channelId, {})
    const fresh = device.commitment({ channelId })
    await device.sendCommitment(fresh.commitment)
    await device.tick(fresh, 5)
    await device.tick(fresh, 4)
    expect(device.lastAck()).toMatchObject({ epoch: 1, index: 5, supply: on })
  })
})

test('a renewal that waits changes nothing about supply', async () => {
  await device.tick(committed, 800)
  await device.commit(renewalOf(committed))
  expect(told()).toEqual(on)
})

function keyOf({ identity }: SceneDevice): string {
  return formatPublicKey(publicKeyOf(identity.key))
}
