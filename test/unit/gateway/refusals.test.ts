/** Both tables of checks through the gateway: the reason, the held proof, and a state untouched. */
import { beforeEach, describe, expect, test } from 'vitest'
import { present } from '../../../protocol/assert.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import type { Commitment } from '../../../protocol/structures.ts'
import { RENEWAL } from '../../../protocol/structures.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { checkpointOf, login, renewalOf } from '../../support/gatewayScene.ts'
import { stateOf } from '../../support/gatewayState.ts'
import {
  expectProofHeld,
  expectRefused,
  openRefusalScene,
  wrong,
} from '../../support/refusalScene.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { commit, emptyHello, sign, tickOf } from '../../support/scriptedDevice.ts'
import { signedMandate, testKey, testTariff } from '../../support/virtualGateway.ts'

const dayMs = 86_400_000

let scene: Scene
let device: SceneDevice
let committed: Committed
let hashes: () => number

beforeEach(async () => {
  ;({ scene, device, committed, hashes } = await openRefusalScene())
})

const expectRefusal = (reason: string, send: () => Promise<void>) =>
  expectRefused({ scene, device }, reason, send)
const expectHeldProof = () => expectProofHeld({ device, committed })
describe('a tick is refused', () => {
  test('malformed: a size or a version that is none', async () => {
    const { client } = device
    const bytes = new Uint8Array(43)
    await expectRefusal('malformed', async () => {
      void client.send('tick', bytes).catch(() => {})
      await scene.round()
    })
    expect(device.lastReject()).toMatchObject({ slot: 255, held: undefined })
    const version = new Uint8Array(42).fill(2)
    await expectRefusal('malformed', async () => {
      void client.send('tick', version).catch(() => {})
      await scene.round()
    })
  })

  test('unknown_channel: a slot that the device does not have, and all before hello', async () => {
    await expectRefusal('unknown_channel', () => device.tick(committed, 11, 5))
    device.client = await login(scene, device.identity)
    await expectRefusal('unknown_channel', () => device.tick(committed, 11))
    expect(device.lastReject()?.held).toBeUndefined()
  })

  test('stale: no refusal, the held state is acknowledged', async () => {
    const before = stateOf(scene.world)
    await device.tick(committed, 10)
    await device.tick(committed, 3)
    await device.sendTicks({ ...tickOf(committed, 9), word: wrong })
    expect(device.client.received.rejects).toEqual([])
    expect(device.lastAck()).toMatchObject({ epoch: 1, index: 10 })
    expect(stateOf(scene.world)).toBe(before)
  })

  test('unknown_epoch: nothing is committed under it', async () => {
    await expectRefusal('unknown_epoch', () =>
      device.sendTicks({ ...tickOf(committed, 11), epoch: 2 }),
    )
    expectHeldProof()
  })

  test('expired: past claimUntil, not before', async () => {
    scene.world.time.jumpWall(8 * dayMs - 120_000)
    await device.reconnect()
    await device.tick(committed, 11)
    expect(device.lastAck()).toMatchObject({ index: 11 })
    await scene.world.time.advance(121_000)
    await expectRefusal('expired', () => device.tick(committed, 12))
  })

  test('closed: the channel has ended', async () => {
    await scene.call('channel_close', { fleet: 'acme', device: 'ev-1', meter: 'meter-0' })
    await expectRefusal('closed', () => device.tick(committed, 11))
    expectHeldProof()
  })

  test('out_of_range: beyond the end of the epoch', async () => {
    await expectRefusal('out_of_range', () =>
      device.sendTicks({ ...tickOf(committed, 11), index: 2_001 }),
    )
    expectHeldProof()
  })

  // T04
  test('needs_checkpoint: a jump that is too long, and not one hash is done', async () => {
    const before = hashes()
    await expectRefusal('needs_checkpoint', () => device.tick(committed, 10 + 1_025))
    expectHeldProof()
    expect(hashes()).toBe(before)
  })

  // T04
  test('slow_down: the budget is used up, and not one hash is done', async () => {
    await scene.world.time.advance(10_000)
    const start = hashes()
    await device.tick(committed, 1_010)
    expect(hashes() - start).toBe(1_000)
    const before = hashes()
    const refused = device.client.received.rejects.length
    await device.tick(committed, 1_900)
    expect(device.client.received.rejects.slice(refused)).toMatchObject([{ reason: 'slow_down' }])
    expect(hashes()).toBe(before)
    await scene.world.time.advance(5_000)
    await device.tick(committed, 1_900)
    expect(device.lastAck()).toMatchObject({ index: 1_900 })
  })

  test('bad_word: it does not lead to the held word, however often', async () => {
    await expectRefusal('bad_word', () =>
      device.sendTicks({ ...tickOf(committed, 11), word: wrong }),
    )
    expectHeldProof()
    await expectRefusal('bad_word', () => device.sendTicks({ ...tickOf(committed, 12), index: 11 }))
  })

  test('one bad tick of a message does not spoil the others', async () => {
    await device.sendTicks({ ...tickOf(committed, 11), word: wrong }, tickOf(committed, 12))
    expect(device.lastReject()).toMatchObject({ reason: 'bad_word' })
    expect(device.lastAck()).toMatchObject({ index: 12 })
  })
})

describe('a commitment is refused', () => {
  const checkpoint = (change: Partial<Commitment> = {}) =>
    device.commitment({ ...checkpointOf(committed, 10), ...change })

  async function expectCommitRefused(reason: string, one: Committed): Promise<void> {
    await expectRefusal(reason, () => device.sendCommitment(one.commitment))
    expectHeldProof()
  }

  test('malformed: no CBOR, another layout, or fields that cannot be', async () => {
    const { client } = device
    await expectRefusal('malformed', async () => {
      void client.send('commit', new Uint8Array([0x9f, 1, 0xff])).catch(() => {})
      await scene.round()
    })
    await expectRefusal('malformed', async () => {
      void client.send('commit', emptyHello).catch(() => {})
      await scene.round()
    })
    await scene.world.time.advance(61_000)
    const none = { ...checkpoint().commitment.value, length: 0 }
    await expectRefusal('malformed', () => device.sendCommitment(sign(device.identity, none)))
    const huge = { ...none, length: 9, base: (1n << 64n) - 1n }
    await expectRefusal('malformed', () => device.sendCommitment(sign(device.identity, huge)))
  })

  test("unknown_channel: another slot, or another device's channel", async () => {
    await expectRefusal('unknown_channel', () => device.sendCommitment(checkpoint().commitment, 3))
    const other = await scene.device('ev-2')
    const theirs = checkpoint({ channelId: present(other.channelIds[0], 'an id') })
    await expectCommitRefused('unknown_channel', theirs)
  })

  // T03
  test('epoch_taken: other terms under a committed or lower epoch', async () => {
    await expectCommitRefused('epoch_taken', checkpoint({ epoch: 1 }))
    const renewal = await device.commit(renewalOf(committed))
    await expectCommitRefused('epoch_taken', checkpoint({ epoch: 2 }))
    expect(device.lastReject()?.pending).toEqual(renewal.commitment)
  })

  // T13
  test('the same terms again are accepted with any signature, and change nothing', async () => {
    const before = stateOf(scene.world)
    const { value } = committed.commitment
    await device.sendCommitment({ value, signature: new Uint8Array(64) })
    expect(device.client.received.accepts).toMatchObject([{ epoch: 1 }, { epoch: 1 }])
    expect(stateOf(scene.world)).toBe(before)
  })

  test('closed: the channel has ended', async () => {
    await scene.call('channel_close', { fleet: 'acme', device: 'ev-1', meter: 'meter-0' })
    await expectCommitRefused('closed', checkpoint())
  })

  test("bad_signature: not by the channel's key", async () => {
    const stranger = { ...device.identity, key: testKey('p256', 99) }
    const { value } = checkpoint().commitment
    const signed = sign(stranger, value)
    await expectRefusal('bad_signature', () => device.sendCommitment(signed))
    expectHeldProof()
  })

  test("tariff_not_in_force: another one's, another unit's or not yet", async () => {
    const foreign = testTariff({ gateway: 'gw-2' })
    const unit = testTariff({ unit: 'mL' })
    for (const tariff of [foreign, unit]) {
      const one = commit(device.identity, {
        channelId: present(device.channelIds[0], 'an id'),
        nowSeconds: scene.nowSeconds(),
        ...checkpointOf(committed, 10),
        tariff,
      })
      await expectCommitRefused('tariff_not_in_force', one)
    }
  })

  test("wrong_price: not the tariff's", async () => {
    await expectCommitRefused('wrong_price', checkpoint({ pricePerTick: 299n }))
    await expectCommitRefused('wrong_price', checkpoint({ unitsPerTick: 11n }))
  })

  test('no_mandate: none, or one that is not valid yet', async () => {
    const other = await scene.device('ev-3', {
      mandate: { notBefore: scene.nowSeconds() + 600, expiry: scene.nowSeconds() + 1_200 },
    })
    device = other
    await expectRefusal('no_mandate', () =>
      device.sendCommitment(device.commitment({ expiry: scene.nowSeconds() + 1_100 }).commitment),
    )
  })

  test('expired: the mandate, or the commitment itself', async () => {
    await expectCommitRefused('expired', checkpoint({ expiry: scene.nowSeconds() }))
    scene.world.time.jumpWall(dayMs)
    await expectCommitRefused('expired', checkpoint())
  })

  test('expiry_too_late: it would outlive its mandate', async () => {
    const expiry = scene.nowSeconds() + 86_401
    await expectCommitRefused('expiry_too_late', checkpoint({ expiry }))
  })

  test('over_mandate: its worst case is beyond the limit', async () => {
    const mandate = { sequence: 2, limit: 603_000n }
    const [channelId] = device.channelIds
    const mandates = [signedMandate(scene.world, present(channelId, 'an id'), mandate)]
    await scene.call('mandate_put', { mandates })
    await expectCommitRefused('over_mandate', checkpoint({ length: 2_001 }))
    await device.commit({ ...checkpointOf(committed, 10), length: 2_000 })
  })

  test('not_continuous: it does not begin where the held state leads', async () => {
    const { value } = checkpoint().commitment
    await expectCommitRefused('not_continuous', checkpoint({ base: value.base + 1n }))
    await expectCommitRefused('not_continuous', checkpoint({ startReading: 1_095n }))
    const renewal = device.commitment(renewalOf(committed, { base: value.base }))
    await expectCommitRefused('not_continuous', renewal)
  })

  test('a device with amnesia resumes from what a refusal carries', async () => {
    await device.sendCommitment(checkpoint({ epoch: 1, base: 0n }).commitment)
    const { held } = present(device.lastReject(), 'a refusal')
    expect(held?.index).toBe(10)
    const again = checkpointOf({ ...committed, commitment: present(held, 'proof').commitment }, 10)
    await device.commit(again)
    expect(device.client.received.accepts.at(-1)).toMatchObject({ epoch: 2 })
  })
})

describe('what is no commitment and no tick', () => {
  test.each([
    ['reading', 'unknown_channel', [1, 9, 5]],
    ['close', 'unknown_channel', [1, 9]],
  ] as const)('up/%s for a slot that is none: %s', async (name, reason, values) => {
    await expectRefusal(reason, async () => {
      void device.client.send(name, encodeCbor([...values])).catch(() => {})
      await scene.round()
    })
  })

  test.each(['reading', 'close', 'hello'] as const)('up/%s that is malformed', async (name) => {
    await expectRefusal('malformed', async () => {
      void device.client.send(name, new Uint8Array([0x80])).catch(() => {})
      await scene.round()
    })
    expect(device.lastReject()).toMatchObject({ slot: 255, refused: name })
  })
})

test('a renewal is never taken for a first commitment', async () => {
  const other = await scene.device('ev-4')
  await other.sendCommitment(other.commitment({ kind: RENEWAL }).commitment)
  expect(other.lastReject()).toMatchObject({ reason: 'not_continuous', held: undefined })
})
