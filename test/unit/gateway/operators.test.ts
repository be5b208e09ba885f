/** Operators: a password to look, and a fresh one-time code to act. */
import { createHmac } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { STEP_UP_MS } from '../../../gateway/operators/stepUp.ts'
import type { Identity } from '../../../protocol/access.ts'
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import { formatTopic } from '../../../protocol/topics.ts'
import type { Scene, SceneDevice } from '../../support/gatewayScene.ts'
import { openScene, sessionOf } from '../../support/gatewayScene.ts'

type Operator = { username: string; password: string; secret: string; uri: string }
type Answer = { status: string; reason?: string; error?: string }

const STEP_SECONDS = 30

let scene: Scene
let device: SceneDevice
let ann: Operator
let session: Identity
let answers: Answer[]
let events: Record<string, unknown>[]

beforeEach(async () => {
  scene = await openScene()
  device = await scene.device('ev-1')
  ann = (await scene.call('operator_add', { fleet: 'acme', name: 'ann' })) as Operator
  session = await login(ann)
  answers = []
  events = []
  await listen()
})

/** RFC 6238 as its appendix has it, by nobody's library. */
function codeOf(secret: string, steps = 0): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((one) => alphabet.indexOf(one).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(scene.nowSeconds() / STEP_SECONDS) + steps))
  const hash = createHmac('sha1', key).update(counter).digest()
  const number = hash.readUInt32BE((hash.at(-1) ?? 0) & 15) & 0x7fffffff
  return `${number % 1_000_000}`.padStart(6, '0')
}

async function login(
  who: Pick<Operator, 'username' | 'password'>,
  origin?: string,
): Promise<Identity> {
  const { username } = who
  const password = utf8ToBytes(who.password)
  const request = { clientId: 'page', username, password, remote: '127.0.0.1:1', origin }
  const found = await scene.during(scene.world.gateway.authenticate(request))
  if ('refused' in found) throw new Error(found.refused)
  return found
}

/** Hears what the fleet's tools hear. */
async function listen(): Promise<void> {
  const credential = { fleet: 'acme', name: 'eve', rights: ['read'] }
  const { username, password } = (await scene.call('credential_add', credential)) as Operator
  const options = { clientId: 'eve', username, password: utf8ToBytes(password) }
  const transport = await scene.during(
    scene.world.broker.connect({ ...options, keepaliveSeconds: 60 }),
  )
  transport.onMessage((topic, payload) => {
    const value = JSON.parse(new TextDecoder().decode(payload))
    if (topic.endsWith('/event')) events.push(value)
    else answers.push(value)
  })
  await scene.during(transport.subscribe(['tickpay/1/acme/_/response/+', 'tickpay/1/acme/_/event']))
}

async function ask(verb: string, fields: object, identity = session): Promise<Answer | undefined> {
  answers.length = 0
  const topic = formatTopic({ kind: 'request', fleet: 'acme', verb })
  const payload = utf8ToBytes(JSON.stringify({ transaction: '1', ...fields }))
  scene.world.gateway.onMessage(identity, 'session', topic, payload, () => {})
  await scene.round()
  return answers[0]
}

const pause = (fields: object = {}, identity = session) =>
  ask('pause', { device: 'ev-1', ...fields }, identity)
const isPaused = () => sessionOf(scene, device)?.supply[0]?.reason === 'paused'

describe('an operator', () => {
  test('acts with a fresh code, and for five minutes after it', async () => {
    expect(await pause()).toMatchObject({ status: 'error', reason: 'second_factor' })
    expect(isPaused()).toBe(false)
    expect(await pause({ code: codeOf(ann.secret) })).toMatchObject({ status: 'ok' })
    expect(isPaused()).toBe(true)
    await scene.world.time.advance(STEP_UP_MS - 1_000)
    expect(await ask('resume', { device: 'ev-1' })).toMatchObject({ status: 'ok' })
    await scene.world.time.advance(1_000)
    expect(await pause()).toMatchObject({ reason: 'second_factor' })
    expect(isPaused()).toBe(false)
  })

  test('is only told to show a code: nothing was tried, and the fleet hears nothing', async () => {
    await pause()
    expect(events).toEqual([])
    await pause({ code: '000000' })
    expect(events).toMatchObject([{ event: 'refused', reason: 'second_factor', by: 'ann@acme' }])
  })

  // T70
  test('shows a code once: not again, in no other session, and not after a restart', async () => {
    const code = codeOf(ann.secret)
    expect(await pause({ code })).toMatchObject({ status: 'ok' })
    expect(await pause({ code })).toMatchObject({ reason: 'second_factor' })
    const thief = await login(ann)
    expect(await pause({ code }, thief)).toMatchObject({ reason: 'second_factor' })
    // An older one, within its window, is not good any more either.
    expect(await pause({ code: codeOf(ann.secret, -1) }, thief)).toMatchObject({ status: 'error' })
    await scene.world.restart()
    await scene.call('credential_remove', { fleet: 'acme', name: 'eve' })
    await listen()
    expect(await pause({ code }, await login(ann))).toMatchObject({ reason: 'second_factor' })
  })

  test('proves one session and no other of his', async () => {
    await pause({ code: codeOf(ann.secret) })
    expect(await pause({}, await login(ann))).toMatchObject({ reason: 'second_factor' })
  })

  test.each([-1, 0, 1])('may have a clock that is %i steps off', async (steps) => {
    expect(await pause({ code: codeOf(ann.secret, steps) })).toMatchObject({ status: 'ok' })
  })

  test.each([-2, 2])('may not have one that is %i steps off', async (steps) => {
    expect(await pause({ code: codeOf(ann.secret, steps) })).toMatchObject({ status: 'error' })
  })

  test.each([123456, '12345', '1234567', 'abcdef', '', null, ['123456'], {}])(
    'shows no code with %j',
    async (code) => {
      expect(await pause({ code })).toMatchObject({ reason: 'second_factor' })
    },
  )

  // T70
  test('guesses five times, and then not even the right code counts for a while', async () => {
    for (let round = 0; round < 5; round++) {
      expect(await pause({ code: '000000' })).toMatchObject({ reason: 'second_factor' })
    }
    expect(await pause({ code: codeOf(ann.secret) })).toMatchObject({ reason: 'slow_down' })
    const logged = (text: string) => scene.world.logs.filter((line) => line.includes(text)).length
    expect(logged('a wrong code of an operator')).toBe(5)
    expect(logged('too many wrong codes of an operator')).toBe(1)
    await scene.world.time.advance(300_000)
    expect(await pause({ code: codeOf(ann.secret) })).toMatchObject({ status: 'ok' })
  })

  test.each(['limit', 'close', 'revoke', 'rotate', 'price-ceiling'])(
    'has no way to %s with a code: that takes a Command',
    async (verb) => {
      await pause({ code: codeOf(ann.secret) })
      const fields = { device: 'ev-1', meter: 'm0', code: codeOf(ann.secret, 1) }
      expect((await ask(verb, fields))?.reason).toBe('missing_right')
    },
  )

  test('is not logged, listed or reported with his secret', async () => {
    await pause({ code: codeOf(ann.secret) })
    const shown = JSON.stringify([scene.world.logs, events, await scene.call('operator_list', {})])
    expect(shown).toContain('ann')
    expect(shown).not.toContain(ann.secret)
    expect(shown).not.toContain(ann.password)
    expect(await scene.call('credential_list', {})).toMatchObject([{ name: 'eve' }])
    expect(await scene.call('credential_list', { fleet: 'other' })).toEqual([])
    expect(await scene.call('operator_list', { fleet: 'acme' })).toMatchObject([{ name: 'ann' }])
    expect(await scene.call('operator_list', { fleet: 'other' })).toEqual([])
  })

  test('is removed, and then nobody', async () => {
    await scene.call('operator_remove', { fleet: 'acme', name: 'ann' })
    await expect(login(ann)).rejects.toThrow('bad_credential')
    expect(await scene.call('operator_list', {})).toEqual([])
    await expect(scene.call('operator_remove', { fleet: 'acme', name: 'eve' })).rejects.toThrow(
      'has no operator eve',
    )
  })

  test('is enrolled with an address that an authenticator reads', () => {
    const uri = new URL(ann.uri)
    expect(uri.protocol + uri.host).toBe('otpauth:totp')
    expect(decodeURIComponent(uri.pathname)).toBe('/Tickpay gw-1:ann@acme')
    expect(Object.fromEntries(uri.searchParams)).toMatchObject({
      secret: ann.secret,
      issuer: 'Tickpay gw-1',
      period: '30',
      digits: '6',
    })
    expect(ann.secret).toMatch(/^[A-Z2-7]{32}$/)
  })
})

describe('a credential of a tool', () => {
  const credential = { fleet: 'acme', name: 'switch', rights: ['read', 'supply'] }

  test('needs no code, but in a browser it does not act', async () => {
    const tool = (await scene.call('credential_add', credential)) as Operator
    const page = await login(tool, 'http://127.0.0.1:8083')
    expect(await pause({}, page)).toMatchObject({ reason: 'missing_right' })
    expect(isPaused()).toBe(false)
    expect(await pause({}, await login(tool))).toMatchObject({ status: 'ok' })
    expect(isPaused()).toBe(true)
  })
})
