/**
 * The connection to an external broker: logs in, subscribes, keeps it alive, acknowledges what came
 * in when it was dealt with, and begins again whenever it ends. Sessions are clean: what the broker
 * would keep for us, devices say again.
 * @module
 */
import type { Cancel, Ports } from '../../ports/index.ts'
import type { Acks } from '../broker/acks.ts'
import { createAcks } from '../broker/acks.ts'
import { reconnectDelayMs } from './backoff.ts'
import type { BridgeLimits } from './limits.ts'
import {
  CLOSE_TIMEOUT_MS,
  CONNECT_TIMEOUT_MS,
  GOOD_CONNECTION_MS,
  KEEPALIVE_SECONDS,
  PING_PERIOD_MS,
  SILENCE_MS_MAX,
} from './limits.ts'
import type { Outgoing } from './outgoing.ts'
import { createOutgoing } from './outgoing.ts'
import type { IncomingMessage, PacketReader } from './packetReader.ts'
import { createPacketReader } from './packetReader.ts'
import type { ConnectFields } from './packets.ts'
import {
  connectPacket,
  DISCONNECT,
  PINGREQ,
  packetTypes,
  SUBACK_FAILURE,
  subscribePacket,
} from './packets.ts'
import type { Wire, WireOpener } from './wire.ts'

export type LineOptions = {
  readonly ports: Ports
  readonly limits: BridgeLimits
  readonly open: WireOpener
  readonly login: Omit<ConnectFields, 'keepaliveSeconds'>
  readonly filters: readonly string[]
  /** `done` is called once the message was dealt with, which lets its acknowledgement go. */
  readonly onMessage: (message: IncomingMessage, done: () => void) => void
  readonly onTooLong: () => void
  /** Subscribed: what is published from now on arrives. */
  readonly onOnline: () => void
  /** What is published until the next `onOnline` is lost. */
  readonly onOffline: () => void
}

export type LineState = 'connecting' | 'online' | 'waiting' | 'closed'

export type BrokerLine = {
  /** Undefined while nothing can be sent. */
  readonly outgoing: () => Outgoing | undefined
  readonly status: () => LineStatus
  /** Leaves politely: no last will. */
  readonly close: () => Promise<void>
}

export type LineStatus = {
  readonly state: LineState
  /** Why there is no connection now, or why the last one ended. */
  readonly reason: string | undefined
  /** Since when the state is what it is. */
  readonly sinceSeconds: number
  readonly connections: number
}

type Running = {
  readonly options: LineOptions
  state: LineState
  reason: string | undefined
  sinceSeconds: number
  connections: number
  failures: number
  talk: Talk | undefined
  /** Of the wait before the next connection. */
  cancelWait: Cancel
  onClosed: () => void
}

/** One connection. */
type Talk = {
  readonly running: Running
  readonly acks: Acks
  readonly timers: Cancel[]
  wire: Wire | undefined
  outgoing: Outgoing | undefined
  reader: PacketReader
  phase: 'opening' | 'login' | 'subscribing' | 'online' | 'ending' | 'over'
  heardMs: number
  onlineMs: number
  /** Messages that came in and are not dealt with. */
  open: number
  paused: boolean
  batch: Batch | undefined
}

/** The messages of one read: acknowledged together, when all of them were dealt with. */
type Batch = { readonly packetIds: number[]; open: number; readonly done: () => void }

const SUBSCRIBE_ID = 1

/** Starts connecting at once, and never gives up. */
export function openBrokerLine(options: LineOptions): BrokerLine {
  const running: Running = {
    options,
    state: 'connecting',
    reason: undefined,
    sinceSeconds: nowSeconds(options),
    connections: 0,
    failures: 0,
    talk: undefined,
    cancelWait: () => undefined,
    onClosed: () => undefined,
  }
  connect(running)
  return {
    outgoing: () => (running.talk?.phase === 'online' ? running.talk.outgoing : undefined),
    status: () => ({
      state: running.state,
      reason: running.reason,
      sinceSeconds: running.sinceSeconds,
      connections: running.connections,
    }),
    close: () => close(running),
  }
}

function nowSeconds({ ports }: LineOptions): number {
  return Math.floor(ports.clock.nowMs() / 1_000)
}

function enter(running: Running, state: LineState): void {
  running.state = state
  running.sinceSeconds = nowSeconds(running.options)
}

function connect(running: Running): void {
  const { options } = running
  const { timers } = options.ports
  const talk = newTalk(running)
  running.talk = talk
  enter(running, 'connecting')
  talk.timers.push(
    timers.after(CONNECT_TIMEOUT_MS, () => {
      if (talk.phase !== 'online') finish(talk, 'it does not answer')
    }),
  )
  const events = {
    onData: (bytes: Uint8Array) => takeBytes(talk, bytes),
    onClose: (reason: string) => finish(talk, reason),
  }
  options.open(events).then(
    (wire) => {
      if (talk.phase === 'over') wire.destroy()
      else logIn(talk, wire)
    },
    (error: unknown) => finish(talk, error instanceof Error ? error.message : String(error)),
  )
}

function newTalk(running: Running): Talk {
  const { limits, onTooLong, ports } = running.options
  const talk: Talk = {
    running,
    acks: createAcks(),
    timers: [],
    wire: undefined,
    outgoing: undefined,
    reader: createPacketReader(limits.packetBytesMax, {
      onMessage: (message) => takeMessage(talk, message),
      onTooLong: (packetId) => {
        onTooLong()
        if (packetId !== 0) expectAck(talk, packetId)
      },
      onAnswer: (type, body) => takeAnswer(talk, type, body),
    }),
    phase: 'opening',
    heardMs: ports.clock.monotonicMs(),
    onlineMs: Number.POSITIVE_INFINITY,
    open: 0,
    paused: false,
    batch: undefined,
  }
  return talk
}

function logIn(talk: Talk, wire: Wire): void {
  const { limits, login, ports } = talk.running.options
  talk.wire = wire
  const outgoing = createOutgoing(wire, limits, () => ports.timers.soon(outgoing.flush))
  talk.outgoing = outgoing
  talk.phase = 'login'
  outgoing.control(connectPacket({ ...login, keepaliveSeconds: KEEPALIVE_SECONDS }))
}

function takeBytes(talk: Talk, bytes: Uint8Array): void {
  if (talk.phase === 'over') return
  talk.heardMs = talk.running.options.ports.clock.monotonicMs()
  const wrong = talk.reader.push(bytes)
  closeBatch(talk)
  if (wrong !== undefined) finish(talk, wrong)
}

function takeMessage(talk: Talk, message: IncomingMessage): void {
  if (talk.phase !== 'online' && talk.phase !== 'subscribing') return
  const batch = talk.batch ?? openBatch(talk)
  batch.open += 1
  talk.open += 1
  if (message.packetId !== 0) expectAck(talk, message.packetId)
  talk.running.options.onMessage(message, batch.done)
}

function expectAck(talk: Talk, packetId: number): void {
  const batch = talk.batch ?? openBatch(talk)
  batch.packetIds.push(packetId)
}

function openBatch(talk: Talk): Batch {
  const batch: Batch = {
    packetIds: [],
    // One is the read itself.
    open: 1,
    done: () => {
      batch.open -= 1
      talk.open -= 1
      if (batch.open === 0) release()
      if (talk.paused) readOn(talk)
    },
  }
  const release = talk.acks.expect(() => {
    if (talk.phase === 'over' || batch.packetIds.length === 0) return
    talk.outgoing?.acknowledge(batch.packetIds)
  })
  talk.batch = batch
  talk.open += 1
  return batch
}

/** The read is over: from now on only what its messages wait for holds their acknowledgement. */
function closeBatch(talk: Talk): void {
  const { batch } = talk
  talk.batch = undefined
  batch?.done()
  readOn(talk)
}

/** Not reading is enough: the broker then keeps what it has for us, and drops what it cannot. */
function readOn(talk: Talk): void {
  const { openMessagesMax } = talk.running.options.limits
  if (talk.phase === 'over') return
  if (!talk.paused && talk.open >= openMessagesMax) {
    talk.paused = true
    talk.wire?.pause()
  } else if (talk.paused && talk.open <= openMessagesMax / 2) {
    talk.paused = false
    talk.wire?.resume()
  }
}

function takeAnswer(talk: Talk, type: number, body: Uint8Array): void {
  if (type === packetTypes.puback) {
    talk.outgoing?.release(((body[0] ?? 0) << 8) | (body[1] ?? 0))
  } else if (type === packetTypes.connack && talk.phase === 'login') {
    takeConnack(talk, body[1] ?? 0)
  } else if (type === packetTypes.suback && talk.phase === 'subscribing') {
    takeSuback(talk, body.subarray(2))
  } else if (type !== packetTypes.pingresp) {
    finish(talk, 'it sent what is no answer to anything')
  }
}

/** What each CONNACK code (section 3.2.2.3) means to whoever runs this. */
const refusals: Readonly<Record<number, string>> = {
  1: 'it does not speak MQTT 3.1.1',
  2: 'it does not take this client id',
  3: 'it is not available now',
  4: 'it does not know this user, or the password is wrong',
  5: 'it does not let this user in: check user name, password and its access list',
}

function takeConnack(talk: Talk, code: number): void {
  if (code !== 0) {
    finish(talk, refusals[code] ?? `it refused the login with code ${code}`)
    return
  }
  talk.phase = 'subscribing'
  talk.outgoing?.control(subscribePacket(SUBSCRIBE_ID, talk.running.options.filters))
}

function takeSuback(talk: Talk, codes: Uint8Array): void {
  const { running } = talk
  const { filters, onOnline, ports } = running.options
  const refused = filters.filter((_, place) => (codes[place] ?? SUBACK_FAILURE) >= SUBACK_FAILURE)
  if (refused.length > 0) {
    finish(talk, `it refuses the subscription to ${refused.join(', ')}: check its access list`)
    return
  }
  talk.phase = 'online'
  talk.onlineMs = ports.clock.monotonicMs()
  talk.timers.push(ports.timers.every(PING_PERIOD_MS, () => ping(talk)))
  running.connections += 1
  running.reason = undefined
  enter(running, 'online')
  ports.log('info', 'connected to the broker')
  onOnline()
}

function ping(talk: Talk): void {
  const silentMs = talk.running.options.ports.clock.monotonicMs() - talk.heardMs
  // While nothing is read, nothing can be heard.
  if (silentMs > SILENCE_MS_MAX && !talk.paused) finish(talk, 'it gives no sign of life')
  else talk.outgoing?.control(PINGREQ)
}

/** The connection is over, whatever the reason. */
function finish(talk: Talk, reason: string): void {
  if (talk.phase === 'over') return
  const { running } = talk
  const wasOnline = talk.phase === 'online'
  talk.phase = 'over'
  for (const cancel of talk.timers) cancel()
  talk.wire?.destroy()
  running.talk = undefined
  if (wasOnline) running.options.onOffline()
  if (running.state === 'closed') running.onClosed()
  else retry(running, reason, talk.onlineMs)
}

function retry(running: Running, reason: string, onlineMs: number): void {
  const { ports } = running.options
  const lasted = ports.clock.monotonicMs() - onlineMs >= GOOD_CONNECTION_MS
  running.failures = lasted ? 1 : running.failures + 1
  running.reason = reason
  enter(running, 'waiting')
  const delayMs = reconnectDelayMs(running.failures, ports.random)
  ports.log('warn', 'not connected to the broker', { reason, failures: running.failures, delayMs })
  running.cancelWait = ports.timers.after(delayMs, () => connect(running))
}

function close(running: Running): Promise<void> {
  const { talk, options } = running
  running.cancelWait()
  enter(running, 'closed')
  if (!talk?.wire || talk.phase === 'over') {
    if (talk) finish(talk, 'closed')
    return Promise.resolve()
  }
  talk.phase = 'ending'
  return new Promise((resolve) => {
    running.onClosed = resolve
    talk.outgoing?.control(DISCONNECT)
    talk.outgoing?.flush()
    talk.wire?.end()
    talk.timers.push(options.ports.timers.after(CLOSE_TIMEOUT_MS, () => finish(talk, 'closed')))
  })
}
