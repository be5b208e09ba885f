import { describe, expect, test } from 'vitest'
import { decodeReject } from '../../../../protocol/messages.ts'
import { message, readMessage, types } from './support/modelBroker.ts'
import { onlineScene } from './support/scene.ts'

const up = (name: string, device = 'ev-1') => `tickpay/1/acme/${device}/up/${name}`
const state = (device = 'ev-1') => `tickpay/1/acme/${device}/state`
const online = '{"connection":"online"}'
const offline = '{"connection":"offline"}'

/** Devices that were asked to say hello, in order. */
function calls({ wire }: Awaited<ReturnType<typeof onlineScene>>): string[] {
  return wire
    .ofType(types.publish)
    .map(readMessage)
    .filter(({ topic }) => topic.endsWith('/down/reject'))
    .map(({ topic, payload }) => {
      const { slot, refused, reason } = decodeReject(payload) ?? {}
      expect({ slot, refused, reason }).toEqual({
        slot: 255,
        refused: 'hello',
        reason: 'unknown_channel',
      })
      return topic.split('/')[3] ?? ''
    })
}

describe('sessions', () => {
  test('begin with the first message of an enrolled device, one for each', async () => {
    const { wire, sessions, taken } = await onlineScene()
    wire.send(message(up('hello'), 'h'), message(up('tick'), 't'), message(up('tick', 'ev-2'), 'u'))
    expect(sessions).toEqual(['+ acme/ev-1#1', '+ acme/ev-2#2'])
    expect(taken.map(({ who, sessionId, payload }) => `${who} ${sessionId} ${payload}`)).toEqual([
      'acme/ev-1 acme/ev-1#1 h',
      'acme/ev-1 acme/ev-1#1 t',
      'acme/ev-2 acme/ev-2#2 u',
    ])
  })

  test('end half a minute after a last will, and the device is asked once more', async () => {
    const scene = await onlineScene()
    const { time, wire, sessions } = scene
    wire.send(message(up('hello'), ''))
    wire.send(message(state(), offline))
    await time.advance(29_900)
    wire.send(message(state(), offline))
    expect(sessions).toHaveLength(1)
    await time.advance(200)
    expect(sessions.at(-1)).toBe('- acme/ev-1#1')
    expect(calls(scene)).toEqual(['ev-1'])
  })

  test('go on when the device speaks after somebody said that it has gone', async () => {
    const scene = await onlineScene()
    const { pass, wire, sessions } = scene
    wire.send(message(up('hello'), ''))
    wire.send(message(state(), offline))
    await pass(20_000)
    wire.send(message(up('tick'), ''))
    await pass(60_000)
    expect(sessions).toEqual(['+ acme/ev-1#1'])
    expect(calls(scene)).toEqual([])
  })

  test('end after ten silent minutes, and the device is asked whether it is there', async () => {
    const scene = await onlineScene()
    const { pass, wire, sessions } = scene
    wire.send(message(up('hello'), ''), message(up('hello', 'ev-2'), ''))
    for (let minute = 0; minute < 12; minute++) {
      wire.send(message(state('ev-2'), online))
      await pass(60_000)
    }
    expect(sessions.slice(2)).toEqual(['- acme/ev-1#1'])
    expect(calls(scene)).toEqual(['ev-1'])
    wire.send(message(up('hello'), ''))
    expect(sessions.at(-1)).toBe('+ acme/ev-1#3')
  })

  test('end with the connection, and all are called when there is one again', async () => {
    const scene = await onlineScene()
    const { time, wire, sessions } = scene
    wire.send(message(up('hello'), ''), message(up('hello', 'ev-2'), ''))
    wire.events.onClose('it closed the connection')
    expect(sessions.slice(2)).toEqual(['- acme/ev-1#1', '- acme/ev-2#2'])
    await time.advance(300)
    const again = await scene.goOnline()
    again.send(message(up('hello', 'ev-2'), ''))
    await time.advance(1_000)
    expect(calls({ ...scene, wire: again })).toEqual(['ev-1'])
  })

  test('a device whose retained state says that it is there is called after a start', async () => {
    const scene = await onlineScene()
    scene.wire.send(
      message(state(), online, { retain: true }),
      message(state('ev-2'), offline, { retain: true }),
      message(state('ev-3'), online, { retain: true }),
    )
    await scene.time.advance(1_000)
    expect(calls(scene)).toEqual(['ev-1'])
  })

  test('calls are spread: so many a second', async () => {
    const scene = await onlineScene({ limits: { callsPerSecond: 20 } })
    for (let n = 0; n < 30; n++) scene.enrolled.add(`acme/d-${n}`)
    for (let n = 0; n < 30; n++) scene.wire.send(message(state(`d-${n}`), online, { retain: true }))
    await scene.time.advance(1_000)
    expect(calls(scene)).toHaveLength(20)
    await scene.time.advance(1_000)
    expect(calls(scene)).toHaveLength(30)
  })
})

describe('what is not let in', () => {
  test.each([
    ['a device that is not enrolled', up('tick', 'ev-9'), 'unknown_topic'],
    ['the state of one that is not enrolled', state('ev-9'), 'unknown_topic'],
    ['another fleet', 'tickpay/1/other/_/request/list', 'unknown_topic'],
    ['a name that is none of the protocol', up('nonsense'), 'unknown_topic'],
    ['another version', 'tickpay/2/acme/ev-1/up/tick', 'unknown_topic'],
    ['a down topic', 'tickpay/1/acme/ev-1/down/ack', 'unknown_topic'],
    ['bytes that are no text', 'tickpay/1/acme/\u0000/up/tick', 'unknown_topic'],
    ['the end of a channel', up('close'), 'unsigned_close'],
    ['a state that is none', state(), 'malformed_state'],
  ])('%s', async (_, topic, reason) => {
    const { wire, taken, sessions, report } = await onlineScene()
    wire.send(message(topic, 'x'))
    expect([taken, sessions]).toEqual([[], []])
    expect(report()).toMatchObject({ ignored: { [reason]: 1 }, devices: 0 })
  })

  test('retained copies of what is never kept', async () => {
    const { wire, taken, report } = await onlineScene()
    wire.send(message(up('tick'), 'x', { retain: true }))
    wire.send(message('tickpay/1/acme/_/request/list', '{}', { retain: true }))
    expect(taken).toEqual([])
    expect(report()).toMatchObject({ ignored: { retained: 2 } })
  })

  test("what is longer than 4 KiB on a device's topic", async () => {
    const { wire, taken, report } = await onlineScene()
    wire.send(message(up('commit'), new Uint8Array(4_096)))
    wire.send(message('tickpay/1/acme/_/request/mandate', new Uint8Array(60_000)))
    expect(taken.map(({ topic }) => topic)).toEqual(['tickpay/1/acme/_/request/mandate'])
    expect(report()).toMatchObject({ ignored: { too_long: 1 } })
  })

  test("more than a device's rate; others do not notice, and it refills", async () => {
    const { time, wire, taken, report } = await onlineScene()
    for (let n = 0; n < 300; n++) wire.send(message(up('tick'), ''))
    wire.send(message(up('tick', 'ev-2'), ''))
    expect(taken).toHaveLength(201)
    expect(report()).toMatchObject({ ignored: { over_rate: 100 } })
    await time.advance(1_000)
    for (let n = 0; n < 300; n++) wire.send(message(up('tick'), ''))
    expect(taken).toHaveLength(251)
  })

  test('more than ten hellos at once', async () => {
    const { time, wire, taken } = await onlineScene()
    for (let n = 0; n < 15; n++) wire.send(message(up('hello'), ''))
    expect(taken).toHaveLength(10)
    await time.advance(2_000)
    for (let n = 0; n < 15; n++) wire.send(message(up('hello'), ''))
    expect(taken).toHaveLength(12)
  })

  test('the end of a channel is let in where the operator says so', async () => {
    const { wire, taken } = await onlineScene({ unsigned: ['close'] })
    wire.send(message(up('close'), 'x'))
    expect(taken).toHaveLength(1)
  })

  test('what gateways say of themselves is nothing new', async () => {
    const { wire, taken, report } = await onlineScene()
    wire.send(message('tickpay/1/_gateway/gw-1/state', '{}', { retain: true }))
    expect(taken).toEqual([])
    expect(report()).toMatchObject({ ignored: {} })
  })
})

describe('requests', () => {
  const ask = (verb: string) => message(`tickpay/1/acme/_/request/${verb}`, '{}')

  test('what is signed is from the fleet, the rest from somebody who may read', async () => {
    const { wire, taken } = await onlineScene()
    for (const verb of ['mandate', 'list', 'pause', 'future']) wire.send(ask(verb))
    expect(taken.map(({ who }) => who)).toEqual(['fleet', 'reader', 'reader', 'reader'])
  })

  test('are bounded for each fleet', async () => {
    const { wire, taken, report } = await onlineScene()
    for (let n = 0; n < 60; n++) wire.send(ask('list'))
    expect(taken).toHaveLength(50)
    expect(report()).toMatchObject({ ignored: { over_rate: 10 } })
  })
})

test('memory is bounded by what is enrolled', async () => {
  const { wire, enrolled, taken } = await onlineScene({ limits: { devicesMax: 3, topicsMax: 4 } })
  for (let n = 0; n < 6; n++) enrolled.add(`acme/d-${n}`)
  for (let n = 0; n < 6; n++) wire.send(message(up('tick', `d-${n}`), ''))
  expect(taken).toHaveLength(3)
  for (let round = 0; round < 3; round++) {
    for (const name of ['tick', 'commit', 'hello']) wire.send(message(up(name, 'd-0'), ''))
  }
  expect(taken).toHaveLength(12)
})
