/** What a fleet orders: Commands that count once, and pauses, limits and ceilings in force. */
import { beforeEach, describe, expect, test } from 'vitest'
import { signRequest } from '../../../fleet/command.ts'
import { type FleetRequester, takeFleetRequest } from '../../../gateway/fleetRequests.ts'
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene, putMandate, sessionOf } from '../../support/gatewayScene.ts'
import type { Committed } from '../../support/scriptedDevice.ts'
import { gatewayKey, START_SECONDS, signerKey, testConfig } from '../../support/virtualGateway.ts'

let scene: Scene
let device: SceneDevice
let committed: Committed

const name = { fleet: 'acme', device: 'ev-1' }
const all = { fleet: 'acme', all: true }
const on = { level: 'on', reason: 'ok' }
const off = (reason: string) => ({ level: 'off', reason })

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  committed = await device.commit({ length: 1_000, expiry: scene.nowSeconds() + 80_000 })
})

const told = () => sessionOf(scene, device)?.supply[0]

/** What the gateway says of the device, also when it is not connected. */
async function reported() {
  const [channel] = (await scene.call('channels', name)) as { supply: string; reason: string }[]
  return { level: channel?.supply, reason: channel?.reason }
}

async function restart() {
  await scene.during(scene.world.crash())
  await scene.during(scene.world.restart(testConfig()))
  await device.reconnect()
}

const bearer = { kind: 'reader', fleet: 'acme', name: 'pipe', rights: ['command'] } as const

function order(verb: string, args: object, nonce: number, by: FleetRequester = bearer) {
  const { ledger, gateway } = scene.world
  const identity = {
    fleet: 'acme',
    signerKey,
    gateway: { id: 'gw-1', key: publicKeyOf(gatewayKey) },
    domain: ledger.domain,
  }
  const nowSeconds = scene.nowSeconds()
  const about = { verb, scope: 'fleet', args: { ...args }, nonce, nowSeconds, lifeSeconds: 600 }
  const request = { transaction: 'x', ...signRequest(identity, about) }
  const topic = `tickpay/1/acme/_/request/${verb}`
  const send = () => {
    const { core, call } = scene.world.gateway
    takeFleetRequest(core, call, by, topic, utf8ToBytes(JSON.stringify(request)))
    return scene.round()
  }
  expect(gateway.core.state.domain).toEqual(ledger.domain)
  return send
}

const nonces = () => scene.world.gateway.core.state.orders.nonces.get('acme')

describe('a Command', () => {
  // T70
  test('stays used through a crash: its nonce is durable before anything is answered', async () => {
    const pause = order('pause', { all: true }, 7)
    await pause()
    expect(told()).toEqual(off('paused'))
    await scene.call('resume', all)
    await restart()
    expect(nonces()).toBe(7)
    await pause()
    expect(told()).toEqual(on)
    expect(scene.world.logs.at(-1)).toContain('"reason":"nonce_used"')
    await order('pause', { all: true }, 8)()
    expect(told()).toEqual(off('paused'))
  })

  test('that cannot be carried out is used all the same', async () => {
    await order('pause', { device: 'nobody' }, 9)()
    expect(nonces()).toBe(9)
    expect(scene.world.logs.at(-1)).toContain('"reason":"not_possible"')
  })

  test('is good whoever hands it in, also behind an external broker', async () => {
    const broker = { kind: 'reader', fleet: 'acme', name: 'broker', rights: ['read'] } as const
    await order('pause', { all: true }, 3, broker)()
    expect(told()).toEqual(off('paused'))
  })

  test('of a forger uses nothing', async () => {
    const { core } = scene.world.gateway
    Object.assign(core, { verify: () => false })
    await order('pause', { all: true }, 9)()
    expect(nonces()).toBeUndefined()
    expect(told()).toEqual(on)
  })
})

describe('(!) what is ordered acts on supply, never on the acceptance of a word', () => {
  test('a paused group, site, fleet and gateway; each is resumed by its own name', async () => {
    await scene.call('assign', { fleet: 'acme', devices: ['ev-1'], group: 'depot', site: 'yard' })
    const targets = [{ group: 'depot' }, { site: 'yard' }, { all: true }]
    const scopes = [...targets.map((one) => ({ fleet: 'acme', ...one })), { all: true }]
    for (const [at, target] of scopes.entries()) {
      expect(await scene.call('pause', target)).toMatchObject({ devices: 1, channels: 1 })
      expect(told(), JSON.stringify(target)).toEqual(off('paused'))
      await device.tick(committed, at + 1)
      expect(device.lastAck()).toMatchObject({ index: at + 1, supply: off('paused') })
      await restart()
      expect(await reported()).toEqual(off('paused'))
      await scene.call('resume', target)
      expect(told()).toEqual(on)
    }
  })

  test('a device that is enrolled later in what is paused is paused as well', async () => {
    await scene.call('pause', all)
    const later = await scene.device('ev-2')
    await later.commit()
    await scene.during(Promise.resolve(), 1_100)
    expect(sessionOf(scene, later)?.supply[0]).toEqual(off('paused'))
  })

  test('a limit of an hour ends supply a window before it, until the next hour', async () => {
    await scene.call('limit', { ...all, per_hour: 300 * 100 })
    await device.tick(committed, 84)
    await scene.during(Promise.resolve(), 1_000)
    expect(told()).toEqual(on)
    await device.tick(committed, 85)
    await scene.during(Promise.resolve(), 1_000)
    expect(told()).toEqual(off('over_limit'))
    await device.tick(committed, 120)
    expect(device.lastAck()).toMatchObject({ index: 120, supply: off('over_limit') })
    await restart()
    await scene.during(Promise.resolve(), 1_000)
    expect(told()).toEqual(off('over_limit'))
    await scene.during(Promise.resolve(), 3_600_000)
    expect(await reported()).toEqual(on)
  })

  test('a limit that is taken back or raised lets supply go on', async () => {
    await scene.call('limit', { ...name, per_minute: 300 * 20 })
    await device.tick(committed, 10)
    await scene.during(Promise.resolve(), 1_000)
    expect(told()).toEqual(off('over_limit'))
    await scene.call('limit', { ...name, per_minute: null })
    expect(told()).toEqual(on)
    expect(await scene.call('policy', { fleet: 'acme' })).toMatchObject({
      scopes: [{ scope: 'fleet', accepted: '3000', exposure: '3000', settled: '0' }],
    })
  })

  test('a device that joins a group brings no spending with it', async () => {
    await scene.call('limit', { ...name, per_day: 10 ** 9 })
    await device.tick(committed, 200)
    const other = await scene.device('ev-2')
    await scene.call('assign', { fleet: 'acme', devices: ['ev-2'], group: 'depot' })
    await scene.call('limit', { fleet: 'acme', group: 'depot', per_day: 300 * 100 })
    await scene.call('assign', { fleet: 'acme', devices: ['ev-1'], group: 'depot' })
    expect(told()).toEqual(on)
    const otherCommitted = await other.commit({ length: 1_000 })
    await other.tick(otherCommitted, 90)
    await scene.during(Promise.resolve(), 1_000)
    expect(told()).toEqual(off('over_limit'))
  })

  test('a price above the ceiling buys nothing; at the ceiling it does', async () => {
    const ceiling = { ...all, unit: 'Wh', units: 10 }
    await scene.call('price_ceiling', { ...ceiling, price: 299 })
    expect(told()).toEqual(off('price_ceiling'))
    await device.tick(committed, 3)
    expect(device.lastAck()).toMatchObject({ index: 3, supply: off('price_ceiling') })
    await scene.call('price_ceiling', { ...ceiling, price: 300 })
    expect(told()).toEqual(on)
  })

  test('a dry run says what it touches and changes nothing', async () => {
    await scene.device('ev-2')
    const { position } = scene.world.gateway.core.writer
    const before = position()
    for (const verb of ['pause', 'limit']) {
      expect(await scene.call(verb, { ...all, dry_run: true })).toEqual({
        devices: 2,
        channels: 2,
        dryRun: true,
      })
    }
    expect(position()).toBe(before)
    expect(told()).toEqual(on)
  })
})

describe('a mandate that has not begun', () => {
  test('gives no supply until it does', async () => {
    const { channelIds } = device
    const [id = new Uint8Array()] = channelIds
    await putMandate(scene, id, { sequence: 2, notBefore: scene.nowSeconds() + 60 })
    await scene.during(Promise.resolve(), 1_100)
    expect(told()).toEqual(off('mandate_not_yet'))
    await device.tick(committed, 4)
    expect(device.lastAck()).toMatchObject({ index: 4, supply: off('mandate_not_yet') })
    await scene.during(Promise.resolve(), 60_000)
    expect(told()).toEqual(on)
  })

  test('is what a gateway sees whose clock is in 1970', async () => {
    expect(await reported()).toEqual(on)
    const { clock } = scene.world.gateway.core.ports
    const real = clock.nowMs
    Object.assign(clock, { nowMs: () => real() - START_SECONDS * 1_000 })
    await scene.during(Promise.resolve(), 1_100)
    expect(await reported()).toEqual(off('mandate_not_yet'))
  })
})

test('the status of a fleet is retained on change, at most once in reportSeconds', async () => {
  const topic = 'tickpay/1/acme/_/status'
  const { broker, time } = scene.world
  const status = () => JSON.parse(new TextDecoder().decode(broker.retained.get(topic) ?? undefined))
  await time.advance(10_000)
  const before = status()
  expect(before).toMatchObject({ devicesOnline: 1, channels: 1, accepted: '0', paused: false })
  await device.tick(committed, 20)
  await scene.call('pause', all)
  expect(status()).toEqual(before)
  await time.advance(10_000)
  const rest = { reserved: '300000', settled: '0', exposure: '6000', available: before.available }
  expect(status()).toMatchObject({ accepted: '6000', paused: true, ...rest })
})
