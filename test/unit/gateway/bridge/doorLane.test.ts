/** The short way of ticks from an external broker. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Door, DoorHandlers } from '../../../../gateway/bridge/door.ts'
import { createDoor } from '../../../../gateway/bridge/door.ts'
import type { IncomingMessage } from '../../../../gateway/bridge/packetReader.ts'
import type { VirtualTime } from '../../../support/virtualTime.ts'
import { virtualTime } from '../../../support/virtualTime.ts'
import { testLimits } from './support/scene.ts'

let log: string[]
let time: VirtualTime
let durable: (() => void)[]

const handlers: DoorHandlers = {
  onMessage: (_identity, sessionId, topic, payload, done) => {
    log.push(`message ${sessionId} ${topic.split('/').at(-1)} ${text(payload)}`)
    done()
  },
  onConnected: (_identity, sessionId) => log.push(`+ ${sessionId}`),
  onDisconnected: (_identity, sessionId) => log.push(`- ${sessionId}`),
  openLane: (_identity, sessionId) => {
    log.push(`lane ${sessionId}`)
    const take = (bytes: Uint8Array, start: number, end: number) =>
      void log.push(`tick ${sessionId} ${text(bytes.subarray(start, end))}`)
    return { topic: 'up/tick', take }
  },
  whenDurable: (run) => durable.push(run),
  isEnrolled: (_fleet, device) => device !== 'stranger',
  isFleet: () => true,
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function incoming(topic: string, payload: string, retained = false): IncomingMessage {
  const topicStart = 3
  const topicEnd = topicStart + topic.length
  const payloadStart = topicEnd + 2
  const bytes = new TextEncoder().encode(`pad${topic}--${payload}pad`)
  const payloadEnd = payloadStart + payload.length
  return { bytes, topicStart, topicEnd, payloadStart, payloadEnd, packetId: 1, retained }
}

function open(some: Partial<DoorHandlers> = {}, limits = testLimits): Door {
  const all = { ...handlers, ...some }
  const ports = { clock: time.clock, timers: time.timers }
  return createDoor({ ports, limits, handlers: all, unsigned: new Set(), send: () => true })
}

const tick = (device = 'ev-1') => `tickpay/1/acme/${device}/up/tick`
const hello = 'tickpay/1/acme/ev-1/up/hello'

beforeEach(() => {
  log = []
  durable = []
  time = virtualTime(0)
})

describe('ticks from an external broker', () => {
  test('go by a lane that is opened once a session; other messages do not', () => {
    const door = open()
    const done: string[] = []
    door.take(incoming(hello, 'h'), () => done.push('h'))
    door.take(incoming(tick(), 't1'), () => done.push('t1'))
    door.take(incoming(tick(), 't2'), () => done.push('t2'))
    expect(log).toEqual([
      '+ acme/ev-1#1',
      'message acme/ev-1#1 hello h',
      'lane acme/ev-1#1',
      'tick acme/ev-1#1 t1',
      'tick acme/ev-1#1 t2',
    ])
    expect(done).toEqual(['h'])
    for (const run of durable) run()
    expect(done).toEqual(['h', 't1', 't2'])
    door.close()
  })

  test('a new session has a lane of its own', () => {
    const door = open()
    door.take(incoming(tick(), 't1'), () => {})
    door.endAll()
    door.take(incoming(tick(), 't2'), () => {})
    expect(log.slice(-3)).toEqual(['+ acme/ev-1#2', 'lane acme/ev-1#2', 'tick acme/ev-1#2 t2'])
    door.close()
  })

  test('are judged by the same limits: retained, too long, too many, not enrolled', () => {
    const limits = { ...testLimits, messagesPerSecond: 1, messagesBurst: 2 }
    const door = open({}, limits)
    const done: string[] = []
    const long = 'x'.repeat(limits.devicePacketBytesMax)
    door.take(incoming(tick(), 'kept', true), () => done.push('kept'))
    door.take(incoming(tick(), long), () => done.push('long'))
    door.take(incoming(tick('stranger'), 's'), () => done.push('stranger'))
    for (const name of ['a', 'b', 'c', 'd']) {
      door.take(incoming(tick(), name), () => done.push(name))
    }
    expect(log.filter((line) => line.startsWith('tick'))).toHaveLength(2)
    expect(done).toEqual(['kept', 'long', 'stranger', 'c', 'd'])
    const { ignored } = door.counters()
    expect(ignored).toEqual({ retained: 1, too_long: 1, unknown_topic: 1, over_rate: 2 })
    door.close()
  })

  test('go as messages where there is no lane', () => {
    const door = open({ openLane: () => undefined })
    door.take(incoming(tick(), 't1'), () => {})
    expect(log.at(-1)).toBe('message acme/ev-1#1 tick t1')
    door.close()
  })
})
