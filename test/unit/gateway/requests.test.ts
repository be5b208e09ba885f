/** What a fleet and its people can ask for on their topics, and of whom. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Transport } from '../../../ports/index.ts'
import { formatPublicKey } from '../../../ports/keyText.ts'
import { present } from '../../../protocol/assert.ts'
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import { encodeCbor } from '../../../protocol/cbor.ts'
import { clientIdOf } from '../../../protocol/connect.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import { FLEET_PACKET_BYTES_MAX } from '../../../protocol/limits.ts'
import { digestOf, mandateStructure, signedToWire } from '../../../protocol/structures.ts'
import { formatTopic } from '../../../protocol/topics.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene, putMandate, sessionOf } from '../../support/gatewayScene.ts'
import { connectToken } from '../../support/scriptedDevice.ts'
import { signedMandate, signerKey, testKey } from '../../support/virtualGateway.ts'

let scene: Scene
let device: SceneDevice
let channelId: Uint8Array

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  channelId = present(device.channelIds[0], 'an id')
})

type Client = {
  readonly transport: Transport
  readonly ask: (verb: string, body: unknown, fleet?: string) => Promise<unknown>
}

let nonce = 100

async function clientOf(username: string, password: Uint8Array, fleet: string): Promise<Client> {
  const options = { clientId: username, username, password, keepaliveSeconds: 60 }
  const transport = await scene.during(scene.world.broker.connect(options))
  const answers: unknown[] = []
  transport.onMessage((_, payload) => answers.push(JSON.parse(new TextDecoder().decode(payload))))
  const isReader = username.includes('@')
  await transport.subscribe([`tickpay/1/${fleet}/_/response/+`]).catch((error: unknown) => {
    if (!isReader) throw error
  })
  return {
    transport,
    ask: async (verb, body, of = fleet) => {
      answers.length = 0
      const topic = formatTopic({ kind: 'request', fleet: of, verb })
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      void transport.publish(topic, utf8ToBytes(text), { retain: false }).catch(() => {})
      await scene.round()
      return answers[0]
    },
  }
}

/** The fleet's own service. */
async function fleetClient(fleet = 'acme', key = signerKey): Promise<Client> {
  const identity = { ...device.identity, fleet, device: '_', key }
  const token = connectToken(identity, scene.nowSeconds(), new Uint8Array(32).fill(++nonce))
  return clientOf(clientIdOf(fleet, '_'), token, fleet)
}

async function person(rights: readonly string[]): Promise<Client> {
  const answer = await scene.call('credential_add', { fleet: 'acme', name: 'ann', rights })
  const { username, password } = answer as { username: string; password: string }
  return clientOf(username, utf8ToBytes(password), 'acme')
}

const paused = () => sessionOf(scene, device)?.supply[0]?.reason

describe('requests of a fleet', () => {
  test('are answered with their transaction', async () => {
    const fleet = await fleetClient()
    const mandates = [signedMandate(scene.world, channelId, { sequence: 2 })]
    expect(await fleet.ask('mandate', { transaction: 'a1', mandates })).toMatchObject({
      transaction: 'a1',
      status: 'ok',
      data: [{ status: 'accepted' }],
    })
    expect(await fleet.ask('list', { transaction: 'a2' })).toMatchObject({
      transaction: 'a2',
      status: 'ok',
      data: [{ device: 'ev-1', mandate: { sequence: 2 } }],
    })
    expect(await fleet.ask('get', { transaction: 'a3', device: 'ev-1' })).toMatchObject({
      status: 'ok',
      data: [{ device: 'ev-1' }],
    })
    expect(await fleet.ask('pause', { transaction: 'a4', device: 'ev-1' })).toMatchObject({
      status: 'ok',
      data: { channels: 1 },
    })
    expect(paused()).toBe('paused')
    await fleet.ask('resume', { transaction: 'a5', device: 'ev-1' })
    expect(paused()).toBe('ok')
  })

  test.each([
    ['no JSON', '{', 'send a JSON object'],
    ['no object', '[]', 'send a JSON object'],
    ['no transaction', '{}', 'send a JSON object'],
    ['a transaction that is too long', { transaction: 'x'.repeat(65) }, 'send a JSON object'],
    ['arguments that are none', { transaction: 'b', device: 7 }, 'device'],
    ['a device that is none', { transaction: 'b', device: 'ev-9' }, 'is not enrolled'],
    ['an argument too many', { transaction: 'b', device: 'ev-1', force: true }, 'force'],
  ])('with %s say what is wrong', async (_, body, text) => {
    const fleet = await fleetClient()
    const answer = (await fleet.ask('pause', body)) as { status: string; error: string }
    expect(answer.status).toBe('error')
    expect(answer.error).toContain(text)
  })

  // T24
  test('know five verbs and nothing of the control socket', async () => {
    const fleet = await fleetClient()
    for (const verb of ['settle', 'ledger-fund', 'credential-add', 'constructor', 'status']) {
      const answer = await fleet.ask(verb, { transaction: 'c', fleet: 'acme' })
      expect(answer).toMatchObject({ status: 'error', error: `unknown verb "${verb}"` })
    }
  })

  test('get a short answer when the long one would not pass', async () => {
    const meters = Array.from({ length: 16 }, (_, at) => ({ meter: `m-${at}`, unit: 'Wh' }))
    for (let at = 0; at < 12; at++) {
      const publicKey = formatPublicKey(publicKeyOf(testKey('p256', 150 + at)))
      await scene.call('enrol_device', { fleet: 'acme', device: `bus-${at}`, publicKey, meters })
    }
    const fleet = await fleetClient()
    const answer = await fleet.ask('list', { transaction: 'd' })
    expect(answer).toMatchObject({ transaction: 'd', status: 'error' })
    const one = await fleet.ask('get', { transaction: 'e', device: 'bus-3' })
    expect(one).toMatchObject({ status: 'ok' })
    expect(JSON.stringify(one).length).toBeLessThan(FLEET_PACKET_BYTES_MAX)
  })

  test('a bug answers the fleet, tells the operator, and stops nothing', async () => {
    const fleet = await fleetClient()
    const { core } = scene.world.gateway
    Object.assign(core.state.cold, {
      channel: () => {
        throw new TypeError('broken on purpose')
      },
    })
    const answer = (await fleet.ask('list', { transaction: 'f' })) as { error: string }
    expect(answer).toMatchObject({ transaction: 'f', status: 'error' })
    expect(answer.error).not.toContain('broken')
    expect(scene.world.logs.at(-1)).toContain('broken on purpose')
  })
})

describe('(!) one fleet and another', () => {
  const otherKey = testKey('p256', 77)

  async function otherFleet(): Promise<Client> {
    const signer = formatPublicKey(publicKeyOf(otherKey))
    await scene.call('enrol_fleet', { fleet: 'rival', signerKey: signer })
    return fleetClient('rival', otherKey)
  }

  test('a fleet that names another in its arguments still speaks for itself', async () => {
    const rival = await otherFleet()
    const answer = await rival.ask('pause', { transaction: 'a', fleet: 'acme', device: 'ev-1' })
    expect(answer).toMatchObject({ status: 'error', error: expect.stringContaining('rival/ev-1') })
    expect(await rival.ask('list', { transaction: 'b', fleet: 'acme' })).toMatchObject({ data: [] })
    expect(paused()).toBe('ok')
  })

  test("another fleet's topics are not its own", async () => {
    const rival = await otherFleet()
    await rival.ask('pause', { transaction: 'a', device: 'ev-1' }, 'acme')
    expect(paused()).toBe('ok')
    await expect(rival.transport.subscribe(['tickpay/1/acme/#'])).rejects.toThrow()
  })

  test("mandates for another fleet's channels are unknown to it, whoever signed them", async () => {
    const rival = await otherFleet()
    const theirs = signedMandate(scene.world, channelId, { sequence: 2 })
    expect(await rival.ask('mandate', { transaction: 'a', mandates: [theirs] })).toMatchObject({
      data: [{ status: 'unknown_channel' }],
    })
  })
})

describe('people', () => {
  test('with the right to read may list and get, no more', async () => {
    const ann = await person(['read'])
    expect(await ann.ask('list', { transaction: 'a' })).toMatchObject({ status: 'ok' })
    await ann.ask('pause', { transaction: 'b', device: 'ev-1' })
    expect(paused()).toBe('ok')
  })

  test('with the right over supply may pause and resume, and send no mandate', async () => {
    const ann = await person(['read', 'supply'])
    expect(await ann.ask('pause', { transaction: 'a', device: 'ev-1' })).toMatchObject({
      status: 'ok',
    })
    expect(paused()).toBe('paused')
    const mandates = [signedMandate(scene.world, channelId, { sequence: 2 })]
    await ann.ask('mandate', { transaction: 'b', mandates })
    expect(await scene.call('channels')).toMatchObject([{ mandate: { sequence: 1 } }])
  })
})

describe('a mandate', () => {
  const put = async (change: object) =>
    (await putMandate(scene, channelId, change)) as { status: string }[]

  test('the highest sequence is in force; lower ones are old, the same is repeated', async () => {
    expect(await put({ sequence: 5 })).toMatchObject([{ status: 'accepted' }])
    expect(await put({ sequence: 5 })).toMatchObject([{ status: 'repeated' }])
    expect(await put({ sequence: 5, limit: 1n })).toMatchObject([{ status: 'old_sequence' }])
    expect(await put({ sequence: 4 })).toMatchObject([{ status: 'old_sequence' }])
    expect(await scene.call('channels')).toMatchObject([{ mandate: { sequence: 5 } }])
  })

  test('is told to the device at once', async () => {
    await put({ sequence: 2, limit: 77_777n })
    expect(device.client.received.slots.at(-1)).toMatchObject({
      mandate: { value: { sequence: 2, limit: 77_777n } },
    })
  })

  test('counts by its signature alone', async () => {
    const { ledger } = scene.world
    const value = {
      channelId,
      sequence: 9,
      limit: 1n,
      limitPerDay: 1n,
      notBefore: 0,
      expiry: scene.nowSeconds() + 60,
      claimUntil: scene.nowSeconds() + 400_000,
    }
    const digest = digestOf(ledger.domain, mandateStructure, value)
    const signature = signDigest(testKey('p256', 66), digest)
    const hex = Buffer.from(
      encodeCbor(signedToWire(mandateStructure, { value, signature })),
    ).toString('hex')
    expect(await scene.call('mandate_put', { mandates: [hex, 'beef', 'x'] })).toMatchObject([
      { status: 'bad_signature' },
      { status: 'malformed' },
      { status: 'malformed' },
    ])
  })

  test('(!) is never claimable for longer than money takes to leave', async () => {
    const notice = 30 * 86_400 + 7 * 86_400 + 120
    const claimUntil = scene.nowSeconds() + notice
    expect(await put({ sequence: 2, claimUntil: claimUntil + 2 })).toMatchObject([
      { status: 'bad_window' },
    ])
    expect(await put({ sequence: 2, claimUntil })).toMatchObject([{ status: 'accepted' }])
  })

  test('that has ended, or ends before it begins, is refused', async () => {
    const now = scene.nowSeconds()
    expect(await put({ sequence: 2, expiry: now, notBefore: now })).toMatchObject([
      { status: 'bad_window' },
    ])
    expect(await put({ sequence: 2, expiry: now })).toMatchObject([{ status: 'expired' }])
    expect(await putMandate(scene, new Uint8Array(32), {})).toMatchObject([
      { status: 'unknown_channel' },
    ])
  })
})
