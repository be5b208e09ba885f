/** A device that is revoked: what counts of it and what no longer does, also after a restart. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { ChannelReport } from '../../../gateway/reports.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { parseHex } from '../../../protocol/bytes.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { Scene } from '../../support/gatewayScene.ts'
import { login, openScene, putMandate } from '../../support/gatewayScene.ts'
import { testKey } from '../../support/virtualGateway.ts'

let scene: Scene
const oldKey = testKey('p256', 21)
const newKey = testKey('p256', 22)
const name = { fleet: 'acme', device: 'ev-1' }
const meters = [{ meter: 'meter-0', unit: 'Wh' }]
const keyText = (key = oldKey) => formatPublicKey(publicKeyOf(key))
const reports = async () => (await scene.call('channels')) as readonly ChannelReport[]

beforeEach(async () => {
  scene = await openScene()
})

describe('T20: a revoked device', () => {
  test('is cut off; what it paid is settled and the rest of its mandate is void', async () => {
    const device = await scene.device('ev-1', { key: oldKey })
    const committed = await device.commit()
    await device.tick(committed, 40)
    expect(await scene.call('device_revoke', name)).toMatchObject({ channelsClosed: 1 })
    expect(device.client.received.closed).toBe(true)
    await expect(login(scene, device.identity)).rejects.toThrow('unknown_device')
    // Reserved is what it owes, no more: the rest is free for others.
    expect(await reports()).toMatchObject([
      { state: 'closed', paid: '12000', reserved: '12000', supply: 'off', reason: 'closed' },
    ])
    expect(await scene.call('settle')).toMatchObject({ channels: 1, paid: '12000', refused: 0 })
    const [channelId = ''] = device.channelIds.map((id) => Buffer.from(id).toString('hex'))
    await putMandate(scene, parseHex(channelId) ?? new Uint8Array(), { sequence: 9 })
    expect(await reports()).toMatchObject([{ state: 'closed', reserved: '0', supply: 'off' }])
  })

  test('stays so after a crash', async () => {
    const device = await scene.device('ev-1', { key: oldKey })
    await scene.call('device_revoke', name)
    await scene.world.crash()
    await scene.world.restart()
    await expect(login(scene, device.identity)).rejects.toThrow('unknown_device')
    expect(await reports()).toMatchObject([{ state: 'closed' }])
  })

  test('leaves the others alone', async () => {
    const other = await scene.device('ev-2', { key: newKey })
    await scene.device('ev-1', { key: oldKey })
    await scene.call('device_revoke', name)
    const committed = await other.commit()
    await other.tick(committed, 3)
    expect(other.client.received.closed).toBe(false)
  })

  test('twice is once; one that nobody knows is told', async () => {
    await scene.device('ev-1', { key: oldKey })
    await scene.call('device_revoke', name)
    expect(await scene.call('device_revoke', name)).toMatchObject({ channelsClosed: 0 })
    const unknown = scene.call('device_revoke', { ...name, device: 'ev-9' })
    await expect(unknown).rejects.toThrow('is not enrolled')
  })

  test('comes back by a new enrolment alone, with another key and new channels', async () => {
    const device = await scene.device('ev-1', { key: oldKey })
    await scene.call('device_revoke', name)
    const enrol = (key = oldKey) =>
      scene.call('enrol_device', { ...name, publicKey: keyText(key), meters })
    await expect(enrol()).rejects.toThrow('this key was revoked')
    const replaced = scene.call('device_replace', { ...name, publicKey: keyText(newKey) })
    await expect(replaced).rejects.toThrow('enrol it again, with a new key')
    const answer = (await enrol(newKey)) as { channels: { channelId: string; position: number }[] }
    expect(answer.channels).toMatchObject([{ position: 1 }])
    await expect(login(scene, device.identity)).rejects.toThrow('bad_signature')
    const back = await login(scene, { ...device.identity, key: newKey })
    expect(back.received.closed).toBe(false)
    // The old key is of no use to anybody, under any name.
    const elsewhere = { fleet: 'acme', device: 'ev-3', publicKey: keyText(), meters }
    await expect(scene.call('enrol_device', elsewhere)).rejects.toThrow('this key was revoked')
    const swapped = scene.call('device_replace', { ...name, publicKey: keyText() })
    await expect(swapped).rejects.toThrow('this key was revoked')
  })
})

test('T23: two devices cannot have the same key', async () => {
  await scene.device('ev-1', { key: oldKey })
  const same = { fleet: 'acme', device: 'ev-2', publicKey: keyText(), meters }
  await expect(scene.call('enrol_device', same)).rejects.toThrow('that of device acme/ev-1')
  await scene.device('ev-2', { key: newKey })
  const swapped = scene.call('device_replace', { ...name, publicKey: keyText(newKey) })
  await expect(swapped).rejects.toThrow('that of device acme/ev-2')
})
