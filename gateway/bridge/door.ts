/**
 * What comes in from an external broker, message by message: whom it is from, whether there is room
 * for it, and to the gateway. What is not let in is acknowledged to the broker and forgotten; a
 * device says again what matters.
 * @module
 */
import type { Ports } from '../../ports/index.ts'
import { encodeReject } from '../../protocol/messages.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { BrokerHandlers } from '../broker/broker.ts'
import { takeTokens } from '../broker/tokenBucket.ts'
import type { UnsignedRequest } from '../core.ts'
import { NO_SLOT } from '../intake/answers.ts'
import type { BridgeLimits } from './limits.ts'
import type { IncomingMessage } from './packetReader.ts'
import type { Peer, Peers } from './peers.ts'
import { createPeers } from './peers.ts'
import type { Route, RouteFinder } from './routes.ts'
import { createRoutes } from './routes.ts'

/** Why a message was not let in. */
export type Ignored =
  | 'unknown_topic'
  | 'too_long'
  | 'over_rate'
  | 'retained'
  | 'unsigned_close'
  | 'malformed_state'

/** What the gateway offers to whoever brings it messages. */
export type DoorHandlers = Pick<
  BrokerHandlers,
  'onMessage' | 'onConnected' | 'onDisconnected' | 'openLane' | 'whenDurable'
> & {
  readonly isEnrolled: (fleet: string, device: string) => boolean
  readonly isFleet: (fleet: string) => boolean
}

export type DoorOptions = {
  readonly ports: Pick<Ports, 'clock' | 'timers'>
  readonly limits: BridgeLimits
  readonly handlers: DoorHandlers
  readonly unsigned: ReadonlySet<UnsignedRequest>
  /** Sends to a device; false when that is not possible now. */
  readonly send: (topic: string, payload: Uint8Array) => boolean
}

export type Door = {
  readonly take: (message: IncomingMessage, done: () => void) => void
  readonly ignore: (reason: Ignored) => void
  /** The connection broke: what devices are told meanwhile is lost, so all begin again. */
  readonly endAll: () => void
  readonly counters: () => DoorCounters
  readonly close: () => void
}

export type DoorCounters = {
  readonly messages: number
  readonly devices: number
  readonly ignored: Readonly<Record<string, number>>
}

type State = DoorOptions & {
  readonly peers: Peers
  readonly routeOf: RouteFinder
  readonly ignored: Record<string, number>
  /** Devices that are there and have no session: they are asked to say hello. */
  readonly calls: Set<Peer>
  /** Devices that are said to be gone, and when that is believed; the earliest first. */
  readonly leaving: Map<Peer, number>
  messages: number
}

const CALL_PERIOD_MS = 100
const SILENCE_CHECK_MS = 60_000

export function createDoor(options: DoorOptions): Door {
  const { handlers, limits, ports, unsigned } = options
  const peers = createPeers(limits, handlers.isEnrolled, handlers)
  const routeOf = createRoutes({ limits, peers, isFleet: handlers.isFleet, unsigned })
  const state: State = {
    ...options,
    peers,
    routeOf,
    ignored: {},
    calls: new Set(),
    leaving: new Map(),
    messages: 0,
  }
  const cancels = [
    ports.timers.every(CALL_PERIOD_MS, () => {
      endLeft(state)
      callSome(state)
    }),
    ports.timers.every(SILENCE_CHECK_MS, () => askSilent(state)),
  ]
  return {
    take: (message, done) => {
      if (!take(state, message, done)) done()
    },
    ignore: (reason) => ignore(state, reason),
    endAll: () => {
      state.leaving.clear()
      for (const peer of peers.endAll()) state.calls.add(peer)
    },
    counters: () => {
      const { messages, ignored } = state
      return { messages, devices: peers.online(), ignored: { ...ignored } }
    },
    close: () => {
      for (const cancel of cancels) cancel()
    },
  }
}

const decoder = new TextDecoder()

/** False when nobody will call `done`. */
function take(state: State, message: IncomingMessage, done: () => void): boolean {
  const { bytes, topicStart, topicEnd } = message
  const nowMs = state.ports.clock.monotonicMs()
  state.messages += 1
  const route = state.routeOf(decoder.decode(bytes.subarray(topicStart, topicEnd)), nowMs)
  if (!route) return ignore(state, 'unknown_topic')
  if (route.kind === 'gateway') return false
  if (route.kind === 'state') return takeState(state, route, message, nowMs)
  // What a device or a fleet says is never kept: this is a copy of long ago.
  if (message.retained) return ignore(state, 'retained')
  if (route.kind === 'request') return takeRequest(state, route, message, nowMs, done)
  return takeUp(state, route, message, nowMs, done)
}

function ignore(state: State, reason: Ignored): false {
  state.ignored[reason] = (state.ignored[reason] ?? 0) + 1
  return false
}

function takeUp(
  state: State,
  { name, peer, topic }: Extract<Route, { kind: 'up' }>,
  message: IncomingMessage,
  nowMs: number,
  done: () => void,
): boolean {
  const { handlers, limits, peers } = state
  if (message.payloadEnd - message.topicStart > limits.devicePacketBytesMax) {
    return ignore(state, 'too_long')
  }
  if (takeTokens(peer.messages, 1, nowMs) > 0) return ignore(state, 'over_rate')
  if (name === 'hello' && takeTokens(peer.hellos, 1, nowMs) > 0) return ignore(state, 'over_rate')
  if (name === 'close' && !state.unsigned.has('close')) return ignore(state, 'unsigned_close')
  peer.heardMs = nowMs
  if (state.leaving.size > 0) state.leaving.delete(peer)
  const sessionId = peers.sessionOf(peer)
  if (name === 'tick' && takeByLane(handlers, peer, sessionId, message, done)) return true
  handlers.onMessage(peer.identity, sessionId, topic, payloadOf(message), done)
  return true
}

/** Ticks go past topics and identities, which were looked at when their session was opened. */
function takeByLane(
  { openLane, whenDurable }: DoorHandlers,
  peer: Peer,
  sessionId: string,
  { bytes, payloadStart, payloadEnd }: IncomingMessage,
  done: () => void,
): boolean {
  if (!openLane || !whenDurable) return false
  peer.lane ??= openLane(peer.identity, sessionId)
  if (!peer.lane) return false
  peer.lane.take(bytes, payloadStart, payloadEnd)
  whenDurable(done)
  return true
}

function takeRequest(
  state: State,
  { bucket, identity, topic }: Extract<Route, { kind: 'request' }>,
  message: IncomingMessage,
  nowMs: number,
  done: () => void,
): boolean {
  if (takeTokens(bucket, 1, nowMs) > 0) return ignore(state, 'over_rate')
  state.handlers.onMessage(identity, '', topic, payloadOf(message), done)
  return true
}

function payloadOf({ bytes, payloadStart, payloadEnd }: IncomingMessage): Uint8Array {
  return bytes.subarray(payloadStart, payloadEnd)
}

/**
 * A device's retained state: the last word of one that has gone, or a sign that one is there which
 * takes itself to be in a session that this gateway does not know. Anybody whom the broker lets may
 * have said it, so a device that goes on speaking is not gone.
 */
function takeState(
  state: State,
  { fleet, device }: Extract<Route, { kind: 'state' }>,
  message: IncomingMessage,
  nowMs: number,
): false {
  const peer = state.peers.find(fleet, device, nowMs)
  if (!peer) return ignore(state, 'unknown_topic')
  if (takeTokens(peer.messages, 1, nowMs) > 0) return ignore(state, 'over_rate')
  const connection = connectionIn(payloadOf(message))
  if (connection === undefined) return ignore(state, 'malformed_state')
  if (connection === 'offline') {
    state.calls.delete(peer)
    if (peer.sessionId !== undefined && !state.leaving.has(peer)) {
      state.leaving.set(peer, nowMs + state.limits.leaveMs)
    }
  } else if (peer.sessionId === undefined) {
    state.calls.add(peer)
  } else if (!message.retained) {
    peer.heardMs = nowMs
  }
  return false
}

/** Undefined when it is no state. */
function connectionIn(payload: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(payload))
    if (typeof value !== 'object' || value === null) return undefined
    const { connection } = value as { readonly connection?: unknown }
    return typeof connection === 'string' ? connection : undefined
  } catch {
    return undefined
  }
}

/** Answers a question nobody asked: "say hello". */
const call = encodeReject({
  slot: NO_SLOT,
  refused: 'hello',
  reason: 'unknown_channel',
  held: undefined,
  pending: undefined,
})

/** Asked once more: if it was a lie, the device answers. */
function endLeft(state: State): void {
  const nowMs = state.ports.clock.monotonicMs()
  for (const [peer, dueMs] of state.leaving) {
    if (dueMs > nowMs) return
    state.leaving.delete(peer)
    state.peers.end(peer)
    state.calls.add(peer)
  }
}

function callSome(state: State): void {
  let left = Math.ceil((state.limits.callsPerSecond * CALL_PERIOD_MS) / 1_000)
  for (const peer of state.calls) {
    if (left <= 0) return
    if (peer.sessionId === undefined) {
      const { fleet, device } = peer.identity
      if (!state.send(formatTopic({ kind: 'down', fleet, device, name: 'reject' }), call)) return
      left -= 1
    }
    state.calls.delete(peer)
  }
}

/** Silence is no sign of life, and what a device was not told it has to be told anew. */
function askSilent(state: State): void {
  const { clock } = state.ports
  const { silentSessionMs } = state.limits
  for (const peer of state.peers.endSilent(clock.monotonicMs() - silentSessionMs)) {
    state.calls.add(peer)
  }
}
