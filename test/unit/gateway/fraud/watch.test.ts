/** The watch of a gateway: what it tells, what it does, and that all of it is undone again. */
import { beforeEach, describe, expect, test } from 'vitest'
import { defaultFraudConfig, type FraudConfig } from '../../../../gateway/fraud/config.ts'
import type { Scene, SceneDevice } from '../../../support/gatewayScene.ts'
import { openScene } from '../../../support/gatewayScene.ts'
import type { Committed } from '../../../support/scriptedDevice.ts'
import { tickOf } from '../../../support/scriptedDevice.ts'
import { testConfig } from '../../../support/virtualGateway.ts'

const ROUND_MS = 10_000
const name = { fleet: 'acme', device: 'ev-1' }
const on = { level: 'on', reason: 'ok' }
const paused = { level: 'off', reason: 'paused' }

let scene: Scene
let device: SceneDevice
let committed: Committed

function watching(
  change: Partial<FraudConfig> = {},
  action: 'notify' | 'stop' | 'quarantine' | 'throttle' = 'notify',
) {
  const { rules, ...others } = defaultFraudConfig()
  const bad = { limits: rules.bad_words?.limits ?? {}, action }
  return testConfig({ fraud: { ...others, rules: { ...rules, bad_words: bad }, ...change } })
}

async function open(config = watching()) {
  scene = await openScene(config)
  device = await scene.device('ev-1')
  committed = await device.commit({ length: 1_000, expiry: scene.nowSeconds() + 80_000 })
}

const advance = (ms: number) => scene.during(Promise.resolve(), ms)
/** What the gateway says of the device. */
async function told() {
  const [channel] = (await scene.call('channels', name)) as { supply: string; reason: string }[]
  return { level: channel?.supply, reason: channel?.reason }
}

type Report = {
  readonly findings: readonly { rule: string; action: string; device: string }[]
  readonly holds: readonly { action: string; by: string }[]
}
const report = async () => (await scene.call('fraud')) as Report

/** Words that lead nowhere, spread so that the connection stays. */
async function guess(times = 3) {
  for (let i = 0; i < times; i++) {
    await device.sendTicks({ ...tickOf(committed, 50), word: new Uint8Array(32).fill(i + 1) })
    await advance(31_000)
  }
  await advance(ROUND_MS)
}

describe('by default', () => {
  beforeEach(() => open())

  test('it tells the log and the fleet what it found, and holds nobody back', async () => {
    const { core } = scene.world.gateway
    const { link } = core
    const events: unknown[] = []
    const publish: typeof link.publish = (topic, payload, mode) => {
      if (topic.endsWith('/event')) events.push(JSON.parse(new TextDecoder().decode(payload)))
      link.publish(topic, payload, mode)
    }
    Object.assign(core, { link: { ...link, publish } })
    await guess()
    expect(events).toMatchObject([{ event: 'fraud_found', device: 'ev-1', rule: 'bad_words' }])
    expect((await report()).findings).toMatchObject([{ rule: 'bad_words', action: 'notify' }])
    expect(scene.world.logs.join('\n')).toContain('the watch found something')
    expect(await told()).toEqual(on)
    expect((await report()).holds).toEqual([])
  })

  test('an operator holds a device back and releases it', async () => {
    await scene.call('fraud_hold', { ...name, action: 'stop' })
    expect(await told()).toEqual(paused)
    await device.tick(committed, 10)
    expect(device.lastAck()).toMatchObject({ index: 10, supply: paused })
    await scene.call('fraud_release', name)
    expect(await told()).toEqual(on)
    await expect(scene.call('fraud_release', name)).rejects.toThrow('is not held back')
  })

  test('a throttle without its amount is refused with what to set', async () => {
    const asked = scene.call('fraud_hold', { ...name, action: 'throttle' })
    await expect(asked).rejects.toThrow('fraud.throttlePerMinute')
  })

  test('a provider’s meter that is not listed gives no readings', async () => {
    const reading = { ...name, meter: 'meter-0', register: 5 }
    await expect(scene.call('provider_reading', reading)).rejects.toThrow('providerMeters')
  })
})

describe('with actions', () => {
  test('a stop ends by itself when nothing more is found', async () => {
    await open(watching({ holdSeconds: 700 }, 'stop'))
    await guess()
    expect(await told()).toEqual(paused)
    await advance(1_400_000)
    expect(await told()).toEqual(on)
    expect((await report()).holds).toEqual([])
  })

  test('a quarantine outlives time and a restart, and an operator ends it', async () => {
    await open(watching({}, 'quarantine'))
    await guess()
    await advance(3_000_000)
    expect(await told()).toEqual(paused)
    await scene.during(scene.world.crash())
    await scene.during(scene.world.restart())
    await device.reconnect()
    expect(await told()).toEqual(paused)
    expect((await report()).holds).toMatchObject([{ action: 'quarantine', by: 'restart' }])
    await scene.call('fraud_release', name)
    expect(await told()).toEqual(on)
  })

  test('what the fleet ordered stays when the watch lifts what it did', async () => {
    await open(watching({}, 'stop'))
    await scene.call('pause', name)
    await guess()
    await scene.call('fraud_release', name)
    expect(await told()).toEqual(paused)
    await scene.call('resume', name)
    expect(await told()).toEqual(on)
    await scene.call('fraud_hold', { ...name, action: 'stop' })
    await scene.call('resume', name)
    expect(await told()).toEqual(paused)
  })

  test('a throttle leaves so much a minute and takes nothing that is paid', async () => {
    await open(watching({ throttlePerMinute: 30_000n }, 'throttle'))
    await guess()
    expect(await told()).toEqual(on)
    await device.tick(committed, 90)
    await advance(1_000)
    expect(device.lastAck()).toMatchObject({ index: 90 })
    expect(await told()).toEqual({ level: 'off', reason: 'over_limit' })
    await advance(61_000)
    expect(await told()).toEqual(on)
  })
})

test('(!) behind an external broker, where anybody may have sent it, it only tells', async () => {
  await open(watching({}, 'stop'))
  const { core } = scene.world.gateway
  Object.assign(core, { link: { ...core.link, unsigned: new Set() } })
  await guess()
  expect((await report()).findings).toMatchObject([{ rule: 'bad_words', action: 'notify' }])
  expect(await told()).toEqual(on)
})

test('the provider’s own meter is held against what is paid', async () => {
  await open(watching({ providerMeters: [{ ...name, meter: 'meter-0' }] }))
  for (let round = 0; round < 12; round++) {
    await scene.call('provider_reading', { ...name, meter: 'meter-0', register: 500 + 100 * round })
    await advance(ROUND_MS)
  }
  expect((await report()).findings).toMatchObject([{ rule: 'metered_against_paid' }])
})

test('refused logins are counted for whoever is named', async () => {
  await open(watching())
  const { authenticate } = scene.world.gateway
  const password = new Uint8Array(10)
  for (let i = 0; i < 12; i++) {
    const request = { clientId: 'acme/ev-1', username: 'acme/ev-1', password, remote: 'x' }
    await authenticate(request)
    await authenticate({ ...request, clientId: 'a/b', username: 'nobody/knows' })
  }
  await advance(ROUND_MS)
  expect((await report()).findings).toMatchObject([
    { rule: 'logins', device: 'ev-1' },
    { rule: 'logins', device: '_' },
  ])
})

describe('(!) the watch changes no money', () => {
  /** One history, whatever watches: words, guesses, a second meter, a restart, a settlement. */
  async function books(fraud: FraudConfig | undefined) {
    await open(testConfig({ fraud }))
    await device.tick(committed, 20)
    await guess()
    await device.tick(committed, 70)
    await device.reconnect()
    await device.tick(committed, 400)
    await advance(700_000)
    const { core } = scene.world.gateway
    const { accepted, ...status } = (await scene.call('status')) as Record<string, unknown>
    const { acceptedAmount, settled, unsettled, ledgerSum } = status
    const supply = (await told()).level
    return {
      money: {
        accepted,
        acceptedAmount,
        settled,
        unsettled,
        ledgerSum,
        channels: core.state.hot.count(),
      },
      supply,
    }
  }

  test('books are equal with the watch off, telling, and acting', async () => {
    const off = await books(undefined)
    const telling = await books(defaultFraudConfig())
    const acting = await books(watching({}, 'quarantine').fraud)
    expect(off.money).toMatchObject({ accepted: 400, acceptedAmount: '120000' })
    expect(telling).toEqual(off)
    expect(acting.money).toEqual(off.money)
    expect([off.supply, acting.supply]).toEqual(['on', 'off'])
  })
})
