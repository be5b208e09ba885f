/** Who gets a session: signed logins, wrong clocks, nonces, static credentials. */
import { beforeEach, describe, expect, test } from 'vitest'
import { clientIdOf } from '../../../protocol/connect.ts'
import { publicKeyOf, verifyDigest } from '../../../protocol/keys.ts'
import { decodeTime, encodeClose, encodeHello } from '../../../protocol/messages.ts'
import type { Connect } from '../../../protocol/structures.ts'
import { digestOf, timeStructure } from '../../../protocol/structures.ts'
import { downFilter, formatTopic } from '../../../protocol/topics.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene } from '../../support/gatewayScene.ts'
import { connectToken } from '../../support/scriptedDevice.ts'
import { gatewayKey, signerKey, testKey } from '../../support/virtualGateway.ts'

let scene: Scene
let device: SceneDevice

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
})

const clientId = clientIdOf('acme', 'ev-1')
const filled = (value: number) => new Uint8Array(32).fill(value)

/** Logs in with a token that was signed at `offSeconds` from now. */
function connect(nonce: Uint8Array, offSeconds = 0, change: Partial<Connect> = {}) {
  const password = connectToken(device.identity, scene.nowSeconds() + offSeconds, nonce, change)
  return connectWith(password)
}

function connectWith(password: Uint8Array, username = clientId, id = clientId) {
  const options = { clientId: id, username, password, keepaliveSeconds: 60 }
  return scene.during(scene.world.broker.connect(options))
}

/** A session with a wrong clock that collects what comes down. */
async function staleSession(nonce: Uint8Array, offSeconds = -4_000) {
  const transport = await connect(nonce, offSeconds)
  const arrived: { topic: string; payload: Uint8Array }[] = []
  transport.onMessage((topic, payload) => arrived.push({ topic, payload }))
  await transport.subscribe([downFilter('acme', 'ev-1')])
  const hello = async () => {
    const topic = formatTopic({ kind: 'up', fleet: 'acme', device: 'ev-1', name: 'hello' })
    const payload = encodeHello({ mark: undefined, meters: [] })
    await scene.during(transport.publish(topic, payload, { retain: false }))
  }
  return { transport, arrived, hello }
}

describe('a login is refused', () => {
  test.each([
    ['wrong_gateway', { gateway: 'gw-2' }],
    ['bad_client_id', { device: 'ev-2' }],
    ['bad_client_id', { fleet: 'other' }],
  ] as const)('%s', async (reason, change) => {
    await expect(connect(filled(1), 0, change)).rejects.toThrow(reason)
    expect(device.client.received.closed).toBe(false)
  })

  test('malformed, unknown_device, bad_signature', async () => {
    await expect(connectWith(new Uint8Array(8))).rejects.toThrow('malformed')
    const token = connectToken(
      { ...device.identity, device: 'ev-9' },
      scene.nowSeconds(),
      filled(2),
    )
    const ghost = clientIdOf('acme', 'ev-9')
    await expect(connectWith(token, ghost, ghost)).rejects.toThrow('unknown_device')
    const stranger = { ...device.identity, key: testKey('p256', 90) }
    const forged = connectToken(stranger, scene.nowSeconds(), filled(3))
    await expect(connectWith(forged)).rejects.toThrow('bad_signature')
    expect(device.client.received.closed).toBe(false)
  })

  test('nonce_reused: the very same token, for as long as it could be valid', async () => {
    const token = connectToken(device.identity, scene.nowSeconds() + 120, filled(4))
    await connectWith(token)
    await expect(connectWith(token)).rejects.toThrow('nonce_reused')
    scene.world.time.jumpWall(239_000)
    await connect(filled(14))
    await expect(connectWith(token)).rejects.toThrow('nonce_reused')
    scene.world.time.jumpWall(120_000)
    const stale = await connectWith(token)
    await stale.close()
  })

  test("another device's client id, whoever signs", async () => {
    const other = await scene.device('ev-2')
    const token = connectToken(other.identity, scene.nowSeconds(), filled(5))
    await expect(connectWith(token)).rejects.toThrow('bad_client_id')
    expect(device.client.received.closed).toBe(false)
  })
})

describe('a newer session of the same device', () => {
  test('takes over, and the gateway speaks to it alone', async () => {
    const old = device.client
    await device.reconnect()
    expect(old.received.closed).toBe(true)
    const { onMessage, core } = scene.world.gateway
    const identity = { kind: 'device', fleet: 'acme', device: 'ev-1' } as const
    const topic = formatTopic({ kind: 'up', fleet: 'acme', device: 'ev-1', name: 'close' })
    const dealtWith = new Promise<void>((done) => {
      onMessage(identity, 'a session that was replaced', topic, encodeClose({ slot: 0 }), done)
    })
    await scene.during(dealtWith)
    expect(core.state.hot.register(0).closed).toBe(false)
    expect(scene.world.gateway.core.sessions.size).toBe(1)
    const committed = await device.commit()
    await device.tick(committed, 1)
    expect(device.lastAck()).toMatchObject({ index: 1 })
  })
})

// T45
describe('(!) a good signature with a bad time', () => {
  test('takes over nobody, and gets nothing but signed time with its own nonce', async () => {
    const committed = await device.commit()
    const stale = await staleSession(filled(7))
    expect(device.client.received.closed).toBe(false)
    const welcomes = device.client.received.rawWelcomes.length
    await stale.hello()
    await device.tick(committed, 5)
    expect(device.lastAck()).toMatchObject({ index: 5 })
    expect(stale.arrived.map(({ topic }) => topic)).toEqual([
      formatTopic({ kind: 'down', fleet: 'acme', device: 'ev-1', name: 'welcome' }),
    ])
    const time = decodeTime(stale.arrived[0]?.payload ?? new Uint8Array())
    expect(time?.value).toEqual({ gateway: 'gw-1', nonce: filled(7), time: scene.nowSeconds() })
    const digest = digestOf(scene.world.ledger.domain, timeStructure, time?.value as never)
    expect(verifyDigest(publicKeyOf(gatewayKey), digest, time?.signature as never)).toBe(true)
    expect(device.client.received.rawWelcomes).toHaveLength(welcomes)
    expect(scene.world.gateway.core.counters.timesSigned).toBe(1)
  })

  test('two at a time are told each its own', async () => {
    const one = await staleSession(filled(8))
    const two = await staleSession(filled(9), 4_000)
    await one.hello()
    await two.hello()
    for (const [session, nonce] of [
      [one, 8],
      [two, 9],
    ] as const) {
      const times = session.arrived.map(({ payload }) => decodeTime(payload)?.value.nonce)
      expect(times).toEqual([filled(nonce)])
    }
  })

  test("the honest session's welcome is not for it", async () => {
    const stale = await staleSession(filled(10))
    void device.client.send('hello', encodeHello({ mark: undefined, meters: [] }))
    await scene.round()
    expect(device.client.received.welcomes).toHaveLength(2)
    expect(stale.arrived).toEqual([])
  })

  test('may do nothing else', async () => {
    const stale = await staleSession(filled(11))
    const topic = formatTopic({ kind: 'up', fleet: 'acme', device: 'ev-1', name: 'tick' })
    const sending = stale.transport.publish(topic, new Uint8Array(42), { retain: false })
    await expect(scene.during(sending)).rejects.toThrow('ended')
    expect(device.client.received.closed).toBe(false)
  })

  test.each([-121, 121])('begins beyond the tolerance: %i s', async (offSeconds) => {
    const honest = device.client
    const within = offSeconds - Math.sign(offSeconds)
    await staleSession(filled(12), offSeconds)
    expect(honest.received.closed).toBe(false)
    await connect(filled(13), within)
    expect(honest.received.closed).toBe(true)
  })
})

describe('people and their tools', () => {
  const add = async (rights?: readonly string[]) =>
    (await scene.call('credential_add', { fleet: 'acme', name: 'ann', rights })) as {
      username: string
      password: string
    }
  const text = (password: string) => new TextEncoder().encode(password)

  test('log in with what they were given, and not with anything else', async () => {
    const { username, password } = await add()
    await connectWith(text(password), username, 'dashboard')
    await expect(connectWith(text('guess'), username, 'dashboard')).rejects.toThrow(
      'bad_credential',
    )
    await expect(connectWith(text(password), 'bob@acme', 'x')).rejects.toThrow('bad_credential')
    await expect(connectWith(text(password), 'ann@other', 'x')).rejects.toThrow('bad_credential')
    expect(await scene.call('credential_list')).toMatchObject([
      { username, rights: ['read'], lastUseAtSeconds: scene.nowSeconds() },
    ])
  })

  test('do not once it is removed, nor after a restart', async () => {
    const { username, password } = await add(['read', 'supply'])
    await scene.world.crash()
    await scene.world.restart()
    await connectWith(text(password), username, 'x')
    await scene.call('credential_remove', { fleet: 'acme', name: 'ann' })
    await expect(connectWith(text(password), username, 'x')).rejects.toThrow('bad_credential')
    await expect(scene.call('credential_remove', { fleet: 'acme', name: 'ann' })).rejects.toThrow(
      'has no credential',
    )
  })

  test('a password is never on disk, nor in an answer again', async () => {
    const { password } = await add()
    expect(JSON.stringify(await scene.call('credential_list'))).not.toContain(password)
    await scene.world.time.advance(300_000)
    const { disk } = scene.world
    expect(disk.paths().length).toBeGreaterThan(2)
    for (const path of disk.paths()) {
      expect(Buffer.from(disk.bytes(path) ?? []).includes(password)).toBe(false)
    }
    await expect(add()).rejects.toThrow('exists')
  })

  test('the fleet itself logs in with its signer key', async () => {
    const identity = { ...device.identity, device: '_', key: signerKey }
    const password = connectToken(identity, scene.nowSeconds(), filled(20))
    const id = clientIdOf('acme', '_')
    const transport = await connectWith(password, id, id)
    await transport.subscribe(['tickpay/1/acme/#'])
  })
})
