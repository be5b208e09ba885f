/**
 * Every verb over real MQTT, with mosquitto_pub and Paho: what is done, and every reason for which
 * it is not. T70.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fleetVerbs, type VerbName } from '../../gateway/verbs/table.ts'
import { until } from '../support/until.ts'
import type { Tool, VerbWorld } from './world.ts'
import { answerTo, freshKey, rivalKey, startVerbWorld } from './world.ts'

let world: VerbWorld
let bearer: Tool
let reader: Tool
let stranger: Tool

beforeAll(async () => {
  world = await startVerbWorld()
  bearer = await world.tool('bearer')
  reader = await world.tool('reader')
  stranger = await world.tool('stranger', 'rival')
}, 120_000)

afterAll(() => world?.close())

type Sample = {
  /** What is carried out. */
  readonly args: object
  /** What the answer says. */
  readonly data: unknown
  /** What cannot be. */
  readonly wrong: object
}

const one = (devices = 1) => ({ devices, channels: devices, dryRun: false })

/** In this order: what ends a device comes last. */
const samples: Readonly<Record<VerbName, Sample>> = {
  assign: {
    args: { devices: ['ev-1', 'ev-2'], group: 'depot', site: 'yard' },
    data: one(2),
    wrong: { devices: ['nobody'], group: 'depot' },
  },
  list: { args: { from: 0 }, data: { next: null }, wrong: { from: -1 } },
  get: { args: { device: 'ev-1' }, data: [{ device: 'ev-1' }], wrong: {} },
  pause: { args: { group: 'depot' }, data: one(2), wrong: { group: 'none' } },
  resume: { args: { group: 'depot' }, data: one(2), wrong: { device: 'ev-1', all: true } },
  limit: {
    args: { site: 'yard', per_hour: '900000', per_day: '5000000' },
    data: { ...one(2), limits: { hour: '900000', day: '5000000' } },
    wrong: { site: 'yard', per_hour: '-1' },
  },
  'price-ceiling': {
    args: { all: true, unit: 'Wh', price: '30', units: '1' },
    data: { scope: 'fleet', ceilings: { Wh: { price: '30', units: '1' } } },
    wrong: { all: true, unit: 'Wh', price: '30', units: '0' },
  },
  policy: { args: {}, data: { scopes: [{ scope: 'fleet' }, {}, {}] }, wrong: { from: 'x' } },
  export: { args: {}, data: { next: null }, wrong: { pages: 1 } },
  'top-up': {
    args: { amount: '5000000', reference: 'bank 17' },
    data: { available: '10000000' },
    wrong: { amount: '1.5' },
  },
  statement: { args: {}, data: { state: 'none' }, wrong: { sequence: 1 } },
  'statement-known': {
    args: { sequence: 1, from: 0, leaves: [], isLast: true },
    data: {},
    wrong: {},
  },
  'statement-leaves': {
    args: { sequence: 1 },
    data: undefined,
    wrong: { sequence: 0 },
  },
  mandate: { args: { mandates: ['beef'] }, data: [{ status: 'malformed' }], wrong: {} },
  cosign: {
    args: { sequence: 1, signature: '00' },
    data: { status: 'not_waiting' },
    wrong: { sequence: 1 },
  },
  rotate: {
    args: { device: 'turned', key: freshKey },
    data: one(),
    wrong: { device: 'nobody', key: freshKey },
  },
  close: {
    args: { device: 'shut', meter: 'main' },
    data: one(),
    wrong: { device: 'shut', meter: 'x' },
  },
  revoke: { args: { device: 'ended' }, data: one(), wrong: { device: 'nobody' } },
}

const names = Object.keys(samples) as VerbName[]
const ordered = names.filter((name) => ['command', 'supply'].includes(fleetVerbs[name].right))

const refusal = (reason: string) => ({ status: 'error', reason })

test('the samples are of all verbs', () => {
  expect([...names].sort()).toEqual(Object.keys(fleetVerbs).sort())
})

describe.each(names)('%s', (name) => {
  const { args, data, wrong } = samples[name]

  // T70
  test('is refused for every reason that a Command can have, and each is logged', async () => {
    const past = { issuedSecondsAgo: 7_200, lifeSeconds: 60 }
    const cases = [
      ['malformed', { command: 'beef', arguments: '{}' }],
      ['malformed', { ...world.sign(name, args), arguments: '[]' }],
      ['malformed', { ...world.sign(name, args), more: 1 }],
      ['wrong_gateway', world.sign(name, args, { gateway: 'gw-2' })],
      ['wrong_fleet', world.sign(name, args, { fleet: 'rival', key: rivalKey })],
      ['wrong_arguments', world.sign(name, args, { verb: 'other' })],
      ['wrong_arguments', { ...world.sign(name, args), arguments: '{"device":"ev-3"}' }],
      ['not_yet', world.sign(name, args, { issuedSecondsAgo: -7_200 })],
      ['expired', world.sign(name, args, past)],
      ['expired', world.sign(name, args, { lifeSeconds: 90_000 })],
      ['bad_signature', world.sign(name, args, { key: rivalKey })],
      ['out_of_scope', world.sign(name, args, { scope: 'device:ev-9' })],
    ] as const
    const logged = world.logs.length
    const asked = cases.map(async ([reason, fields]) => {
      expect(await bearer.ask(name, fields), reason).toMatchObject(refusal(reason))
    })
    await Promise.all(asked)
    const lines = world.logs.slice(logged).join('\n')
    for (const [reason] of cases) {
      expect(lines).toContain(`"verb":"${name}","by":"bearer@acme","reason":"${reason}"`)
    }
    const told = () =>
      reader.heard.filter(
        ({ topic, payload }) => topic === 'tickpay/1/acme/_/event' && payload['verb'] === name,
      )
    const refused = await until('the fleet is told', () => {
      const events = told()
      return events.length >= cases.length ? events : undefined
    })
    expect(refused.map(({ payload }) => payload['reason'])).toEqual(cases.map(([reason]) => reason))
  })

  // T70
  test('of another fleet is none of its business', async () => {
    const signed = world.sign(name, args)
    expect(await stranger.ask(name, signed)).toMatchObject(refusal('wrong_fleet'))
  })

  test('with wrong arguments says what is wrong', async () => {
    const answer = await bearer.ask(name, world.sign(name, wrong))
    expect(answer).toMatchObject(refusal('not_possible'))
    expect(String(answer['error']).length).toBeGreaterThan(10)
  })

  // T70
  test('is carried out once: the same Command again is refused', async () => {
    const topic = `tickpay/1/acme/_/request/${name}`
    const signed = world.sign(name, args)
    const request = { transaction: `once-${name}`, ...signed }
    expect(await world.pub('bearer', topic, JSON.stringify(request))).toBe(0)
    const first = await until(`${name} is answered`, () =>
      answerTo(reader.heard, request.transaction),
    )
    if (data === undefined) expect(first).toMatchObject(refusal('not_possible'))
    else expect(first).toMatchObject({ status: 'ok', data })
    expect(await bearer.ask(name, signed)).toMatchObject(refusal('nonce_used'))
  })
})

describe('without a Command', () => {
  // T70
  test.each(ordered)(
    '%s needs a right that a bearer does not have, and that is logged',
    async (name) => {
      const logged = world.logs.length
      expect(await bearer.ask(name, samples[name].args)).toMatchObject(refusal('missing_right'))
      const lines = world.logs.slice(logged).join('\n')
      expect(lines).toContain(`"verb":"${name}","by":"bearer@acme","reason":"missing_right"`)
    },
  )

  // T70
  test.each(names)('%s on the topics of another fleet closes the connection', async (name) => {
    await world.closes('stranger', `tickpay/1/acme/_/request/${name}`)
  })

  // T70
  test.each(names.filter((name) => fleetVerbs[name].right !== 'supply'))(
    '%s closes the connection of a credential that has neither its right nor that of Commands',
    async (name) => {
      await world.closes('lever', `tickpay/1/acme/_/request/${name}`)
    },
  )

  test('none of them was answered, nor told of', () => {
    const topics = reader.heard.filter(({ payload }) => payload?.['transaction'] === 'closes')
    expect(topics).toEqual([])
  })

  // T70
  test('a missing right and a foreign fleet are logged, and told to who asked', async () => {
    const closed = names.filter((name) => fleetVerbs[name].right !== 'supply')
    const ofLever = () =>
      reader.heard.flatMap(({ topic, payload }) => {
        const isIt = topic === 'tickpay/1/acme/_/event' && payload['by'] === 'lever@acme'
        return isIt ? [`${payload['verb']} ${payload['reason']}`] : []
      })
    await until('the fleet is told', () => ofLever().length >= closed.length)
    expect(ofLever().sort()).toEqual(closed.map((name) => `${name} missing_right`).sort())
    const lines = world.logs.join('\n')
    for (const name of closed) {
      expect(lines).toContain(`"verb":"${name}","by":"lever@acme","reason":"missing_right"`)
    }
    for (const name of names) {
      expect(lines).toContain(`"verb":"${name}","by":"stranger@rival","reason":"wrong_fleet"`)
    }
    const foreign = reader.heard.filter(({ payload }) => payload?.['by'] === 'stranger@rival')
    expect(foreign).toEqual([])
  })

  test.each(ordered)('%s as a dry run changes nothing', async (name) => {
    const { args, data } = samples[name]
    const before = world.opened.gateway.core.writer.position()
    const answer = await bearer.ask(name, { ...args, dry_run: true })
    const isOver = ['revoke', 'close', 'rotate'].includes(name)
    if (!isOver) expect(answer).toMatchObject({ status: 'ok', data: { dryRun: true } })
    expect(data).toBeDefined()
    expect(world.opened.gateway.core.writer.position()).toBe(before)
  })

  test.each(['list', 'get', 'policy', 'export'] as const)('%s is for readers', async (name) => {
    expect(await reader.ask(name, samples[name].args)).toMatchObject({ status: 'ok' })
  })

  test('pause and resume are for who has the right, but not without end', async () => {
    const tool = await world.tool('switch')
    for (let at = 0; at < 10; at++) {
      const fields = { device: 'ev-3' }
      expect(await tool.ask('pause', fields)).toMatchObject({ status: 'ok' })
      expect(await tool.ask('resume', fields)).toMatchObject({ status: 'ok' })
    }
    const answers = [await tool.ask('pause', { device: 'ev-3' })]
    for (let at = 0; at < 20; at++) answers.push(await tool.ask('resume', { device: 'ev-3' }))
    expect(answers.some(({ reason }) => reason === 'slow_down')).toBe(true)
    expect(world.logs.some((line) => line.includes('a credential changes supply'))).toBe(true)
  })

  // T70
  test('what a credential may not even ask closes its connection', async () => {
    const tool = await world.tool('switch')
    tool.publish('tickpay/1/acme/_/request/limit', '{"transaction":"x"}')
    await until('it is closed', () => tool.heard.some(({ topic }) => topic === 'gone'))
    expect(answerTo(tool.heard, 'x')).toBeUndefined()
  })

  test('what is no request is answered as such', async () => {
    bearer.publish('tickpay/1/acme/_/request/limit', '{')
    const answer = await until('an answer', () => answerTo(bearer.heard, null))
    expect(answer).toMatchObject(refusal('malformed'))
    expect(await bearer.ask('settle', {})).toMatchObject(refusal('unknown_verb'))
  })
})
