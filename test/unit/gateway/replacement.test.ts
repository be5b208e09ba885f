/** Devices, meters and keys that come and go: channels, slots and positions. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { ChannelReport } from '../../../gateway/reports.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { present } from '../../../protocol/assert.ts'
import { parseHex } from '../../../protocol/bytes.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { login, openScene, putMandate } from '../../support/gatewayScene.ts'
import { testKey } from '../../support/virtualGateway.ts'

let scene: Scene
const oldKey = testKey('p256', 21)
const newKey = testKey('ed25519', 22)

beforeEach(async () => {
  scene = await openScene()
})

type Enrolled = {
  readonly channels: readonly {
    readonly slot: number
    readonly channelId: string
    readonly position: number
    readonly meter: string
  }[]
}

const keyText = (key = oldKey) => formatPublicKey(publicKeyOf(key))
const name = { fleet: 'acme', device: 'ev-1' }
const reports = async () => (await scene.call('channels')) as readonly ChannelReport[]
const replace = async (change: object) =>
  (await scene.call('device_replace', { ...name, ...change })) as Enrolled
const enrol = async (meters: object[], key = oldKey) =>
  (await scene.call('enrol_device', { ...name, publicKey: keyText(key), meters })) as Enrolled
const ids = ({ channels }: Enrolled) =>
  channels.map(({ channelId }) => present(parseHex(channelId), 'hex'))

describe('(!) a new key is a new channel', () => {
  test('from base 0, at a new position; the old one settles under its own key', async () => {
    const device = await scene.device('ev-1', { key: oldKey })
    const first = await device.commit()
    await device.tick(first, 40)
    const replaced = await replace({ publicKey: keyText(newKey) })
    expect(device.client.received.closed).toBe(true)
    expect(replaced.channels).toMatchObject([{ slot: 0, position: 1, meter: 'meter-0' }])
    await expect(login(scene, device.identity)).rejects.toThrow('bad_signature')

    const [channelId = new Uint8Array()] = ids(replaced)
    await putMandate(scene, channelId, {})
    const identity = { ...device.identity, key: newKey }
    const fresh: SceneDevice = { ...device, identity, channelIds: [channelId] }
    fresh.client = await login(scene, identity)
    expect(await reports()).toMatchObject([
      { state: 'closed', paid: '12000', reserved: '12000', supply: 'off', reason: 'closed' },
      { state: 'open', paid: '0', epoch: 0, startReading: '0' },
    ])
    expect(await scene.call('settle')).toMatchObject({ channels: 1, paid: '12000', refused: 0 })
    expect(await reports()).toMatchObject([{ settled: '12000', exposure: '0', reserved: '0' }, {}])
  })

  // T20
  test('words of the old channel are worth nothing in the new one', async () => {
    const device = await scene.device('ev-1', { key: oldKey })
    const first = await device.commit()
    const replaced = await replace({ publicKey: keyText(oldKey) })
    await putMandate(scene, ids(replaced)[0] ?? new Uint8Array(), {})
    await device.reconnect()
    await device.tick(first, 5)
    expect(device.lastReject()).toMatchObject({ reason: 'unknown_epoch', held: undefined })
    await device.sendCommitment(first.commitment)
    expect(device.lastReject()).toMatchObject({ reason: 'unknown_channel' })
  })

  test('concerns all open meters, and reopens none that was closed', async () => {
    await scene.device('ev-1', { key: oldKey, units: ['Wh', 'Wh', 'Wh'] })
    await scene.call('channel_close', { ...name, meter: 'meter-1' })
    const replaced = await replace({ publicKey: keyText(newKey), meter: 'meter-2' })
    const open = (await reports()).filter(({ state }) => state === 'open')
    expect(open.map(({ meter }) => meter).sort()).toEqual(['meter-0', 'meter-2'])
    expect(replaced.channels).toHaveLength(3)
  })
})

describe('a changed meter', () => {
  test('is a new channel, and the others stay', async () => {
    await scene.device('ev-1', { key: oldKey, units: ['Wh', 'Wh'] })
    const before = await reports()
    await replace({ meter: 'meter-1' })
    const after = await reports()
    expect(after.map(({ meter, state, slot }) => [meter, state, slot])).toEqual([
      ['meter-0', 'open', 0],
      ['meter-1', 'closed', 1],
      ['meter-1', 'open', 1],
    ])
    expect(after[0]).toEqual({ ...before[0], register: null })
  })

  test('that the device does not have is an error', async () => {
    await scene.device('ev-1', { key: oldKey })
    await expect(replace({ meter: 'attic' })).rejects.toThrow('has no meter attic')
    await expect(scene.call('device_replace', { fleet: 'acme', device: 'none' })).rejects.toThrow(
      'acme/none is not enrolled',
    )
  })
})

describe('positions and slots', () => {
  test('(!) a position is never given twice, not even after a crash', async () => {
    const seen = new Set<number>()
    const take = ({ channels }: Enrolled) => {
      for (const { position } of channels) seen.add(position)
    }
    take(await enrol([{ meter: 'main', unit: 'Wh' }]))
    for (let time = 0; time < 5; time++) {
      take(await replace({}))
      await scene.call('channel_close', { ...name, meter: 'main' })
      take(await enrol([{ meter: 'main', unit: 'Wh' }]))
      if (time % 2 === 0) {
        await scene.world.crash()
        await scene.world.restart()
      }
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, at) => at))
    expect(await reports()).toHaveLength(11)
  })

  test('a slot that is free is given again, and the limit counts slots', async () => {
    const meters = Array.from({ length: 16 }, (_, at) => ({ meter: `m-${at}`, unit: 'Wh' }))
    await enrol(meters)
    await expect(enrol([{ meter: 'm-16', unit: 'Wh' }])).rejects.toThrow('has 16 channels')
    await scene.call('channel_close', { ...name, meter: 'm-3' })
    const { channels } = await enrol([{ meter: 'm-16', unit: 'Wh' }])
    expect(channels[3]).toMatchObject({ slot: 3, meter: 'm-16', position: 16 })
  })

  test('enrolling again changes nothing but adds what is new', async () => {
    const first = await enrol([{ meter: 'main', unit: 'Wh' }])
    expect(await enrol([{ meter: 'main', unit: 'Wh' }])).toEqual(first)
    const more = await enrol([
      { meter: 'main', unit: 'Wh' },
      { meter: 'aux', unit: 'Wh' },
    ])
    expect(more.channels.map(({ position }) => position)).toEqual([0, 1])
    await expect(enrol([{ meter: 'main', unit: 'Wh' }], newKey)).rejects.toThrow('another key')
  })

  test('an enrolment that cannot be done leaves nothing behind', async () => {
    const meters = [
      { meter: 'main', unit: 'Wh' },
      { meter: 'gas', unit: 'm3' },
    ]
    await expect(enrol(meters)).rejects.toThrow('no tariff for unit m3')
    await expect(enrol([{ meter: 'Main', unit: 'Wh' }])).rejects.toThrow('meter')
    expect(await reports()).toEqual([])
    await expect(replace({})).rejects.toThrow('is not enrolled')
  })
})
