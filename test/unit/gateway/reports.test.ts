/** What a gateway keeps retained for people, and how often. */
import { beforeEach, describe, expect, test } from 'vitest'
import { readDeviceReport } from '../../../fleet/reports.ts'
import { present } from '../../../protocol/assert.ts'
import { parseHex } from '../../../protocol/bytes.ts'
import { decodeCbor } from '../../../protocol/cbor.ts'
import { publicKeyOf, verifyDigest } from '../../../protocol/keys.ts'
import { encodeReading } from '../../../protocol/messages.ts'
import { digestOf, signedFromWire, tariffStructure } from '../../../protocol/structures.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene, putMandate } from '../../support/gatewayScene.ts'
import { gatewayKey, testTariff } from '../../support/virtualGateway.ts'

let scene: Scene
let device: SceneDevice
let published: string[]

const topic = 'tickpay/1/acme/_/devices/ev-1'

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  await scene.world.time.advance(10_000)
  published = []
  scene.world.broker.lose = () => false
  const { link } = scene.world.gateway.core
  const publish = link.publish
  Object.assign(link, {
    publish: (...message: Parameters<typeof publish>) => {
      published.push(message[0])
      publish(...message)
    },
  })
})

const retained = (name: string) => scene.world.broker.retained.get(name)
const report = () => readDeviceReport(retained(topic) ?? new Uint8Array())
const own = (name: string) =>
  JSON.parse(new TextDecoder().decode(retained(`tickpay/1/_gateway/gw-1/${name}`)))
const count = (name: string) => published.filter((one) => one === name).length

describe('the report of a device', () => {
  test('says what the gateway knows of it, as its fleet reads it', async () => {
    const committed = await device.commit()
    await device.tick(committed, 20)
    void device.client.send('reading', encodeReading({ slot: 0, register: 1_207n }))
    await scene.world.time.advance(10_000)
    expect(report()).toMatchObject({
      device: 'ev-1',
      online: true,
      channels: [
        {
          epoch: 1,
          index: 20,
          unitsPaid: 200n,
          paid: 6_000n,
          reserved: 30_000n,
          register: 1_207n,
          creditUnits: 160n,
          supply: 'on',
        },
      ],
    })
  })

  test('goes out on change, at most once in reportSeconds', async () => {
    const committed = await device.commit()
    for (let index = 1; index <= 50; index++) await device.tick(committed, index)
    await scene.world.time.advance(10_000)
    expect(count(topic)).toBe(1)
    await scene.world.time.advance(300_000)
    expect(count(topic)).toBe(1)
    await scene.call('settle')
    await scene.world.time.advance(10_000)
    expect(count(topic)).toBe(2)
    expect(report()?.channels[0]).toMatchObject({ settled: 15_000n, exposure: 0n })
  })

  test('of more devices than one turn takes all go out in one round', async () => {
    const names = Array.from({ length: 130 }, (_, number) => `meter-${number}`)
    for (const name of names) await scene.device(name)
    await scene.world.time.advance(10_000)
    published = []
    for (const name of names) scene.world.gateway.core.touch('acme', name)
    await scene.world.time.advance(10_000)
    for (const name of names) expect(count(`tickpay/1/acme/_/devices/${name}`), name).toBe(1)
  })

  test('follows what operator and fleet do while the device is away', async () => {
    await device.client.transport.close()
    await scene.world.time.advance(10_000)
    expect(report()).toMatchObject({ online: false, channels: [{ register: null }] })
    const name = { fleet: 'acme', device: 'ev-1' }
    await scene.call('pause', name)
    await scene.world.time.advance(10_000)
    expect(report()?.channels[0]).toMatchObject({ supply: 'off', reason: 'paused' })
    const [channelId] = device.channelIds
    await putMandate(scene, present(channelId, 'an id'), { sequence: 7 })
    await scene.world.time.advance(10_000)
    expect(report()?.channels[0]).toMatchObject({ mandate: { sequence: 7 } })
    await scene.call('channel_close', { ...name, meter: 'meter-0' })
    await scene.world.time.advance(10_000)
    expect(report()?.channels[0]).toMatchObject({ state: 'closed', reason: 'closed' })
  })

  test('is there again after a restart, also of devices that stay away', async () => {
    await scene.world.crash()
    const { retained: all } = scene.world.broker
    ;(all as Map<string, Uint8Array>).clear()
    await scene.world.restart()
    await scene.world.time.advance(10_000)
    expect(report()).toMatchObject({ online: false, channels: [{ state: 'open' }] })
  })

  test('says nothing that is not durable', async () => {
    const committed = await device.commit()
    const release = scene.world.disk.holdSyncs()
    await device.tick(committed, 20)
    await scene.world.time.advance(30_000)
    expect(report()?.channels[0]).toMatchObject({ paid: 0n })
    release()
    await scene.world.time.advance(10_000)
    expect(report()?.channels[0]).toMatchObject({ paid: 6_000n })
  })
})

describe('the gateway itself', () => {
  test('says that it is online and, when it stops, that it is not', async () => {
    expect(own('state')).toEqual({ state: 'online' })
    scene.world.gateway.retire()
    await scene.round()
    expect(own('state')).toEqual({ state: 'offline' })
  })

  test('publishes the limits in force', async () => {
    expect(own('info')).toMatchObject({
      gateway: 'gw-1',
      wireVersion: 1,
      asset: { code: 'EUR', scale: 6 },
      limits: { hashesPerSecond: 200, jumpTicks: 1_024, channelsPerDevice: 16 },
    })
  })

  test('publishes its prices, signed', async () => {
    const { tariffs } = own('tariff')
    expect(tariffs).toMatchObject([{ unit: 'Wh', pricePerTick: '300', creditTicks: 16 }])
    const wire = decodeCbor(present(parseHex(tariffs[0].signed), 'hex'))
    const signed = present(signedFromWire(tariffStructure, wire ?? null), 'a tariff')
    expect(signed.value).toEqual(testTariff())
    const digest = digestOf(scene.world.ledger.domain, tariffStructure, signed.value)
    expect(verifyDigest(publicKeyOf(gatewayKey), digest, signed.signature)).toBe(true)
  })

  test('publishes its health, with what was refused and why', async () => {
    const committed = await device.commit()
    await device.tick(committed, 5)
    await device.sendTicks({ slot: 0, epoch: 1, index: 6, word: new Uint8Array(32) })
    await scene.world.time.advance(30_000)
    expect(own('health')).toMatchObject({
      accepted: 5,
      acceptedAmount: '1500',
      unsettled: '1500',
      refused: { bad_word: 1 },
      sessions: 1,
      signatures: { commitments: { opened: 1, renewals: 0, checkpoints: 0 } },
      spaceLow: false,
    })
  })
})
