/**
 * One connection of a client: what it has shown of itself, what it may still send now, what is on
 * its way to it, and how it ends.
 * @module
 */
import type { Client } from 'aedes'
import type { Cancel, Ports } from '../../../ports/index.ts'
import { assert } from '../../../protocol/assert.ts'
import type { Seat, Will } from '../admission.ts'
import type { BrokerCounters, Identity, PeerCertificate, Role } from '../broker.ts'
import { countReason } from '../broker.ts'
import { addressOf, FAILURE_COST } from '../doorway.ts'
import type { BrokerLimits } from '../limits.ts'
import { createOutbox, type Waiting } from '../outbox.ts'
import type { PacketIds } from '../packetIds.ts'
import { createPacketIds } from '../packetIds.ts'
import type { Pubacks } from '../pubacks.ts'
import { createPubacks } from '../pubacks.ts'
import type { TokenBucket } from '../tokenBucket.ts'
import { fullBucket } from '../tokenBucket.ts'
import type { Gate } from './gate.ts'
import type { Lane } from './lane.ts'

/**
 * QoS 1 messages that a client has not acknowledged: one that never acknowledges is a broken one.
 * Well below the 65,535 packet ids.
 */
const UNACKNOWLEDGED_MAX = 16_384

/** What all connections of a broker share. */
export type Shared = {
  readonly ports: Pick<Ports, 'clock' | 'timers' | 'log'>
  readonly limits: BrokerLimits
  readonly counters: BrokerCounters
  /** What waits for all clients; without it each outbox has its own bound alone. */
  readonly waiting?: Waiting
}

/** new: no CONNECT yet. connecting: until the CONNACK. closing: takes no more packets. */
export type Phase = 'new' | 'connecting' | 'open' | 'closing' | 'closed'

export type Hello = {
  readonly clientId: string
  readonly keepaliveSeconds: number
  readonly will: Will | undefined
  readonly refusal: string | undefined
}

/** Where a topic goes for one client: worked out once, since most messages are of few topics. */
export type Route = {
  /** UTF-8. */
  readonly topic: Uint8Array
  /** The best of the filters that match; undefined when the client does not get it. */
  readonly qos: 0 | 1 | undefined
}

export type Connection = {
  readonly shared: Shared
  /** Unique within the broker. */
  readonly number: number
  readonly remote: string
  /** Of those who share a budget for failures. */
  readonly address: string
  /** What its end costs its address: nothing once it has said its CONNECT and is not refused. */
  failureCost: number
  readonly roles: readonly Role[]
  /** Undefined at a listener that asks for no certificates. */
  readonly certificate: PeerCertificate | undefined
  /** Of the page in a browser that connects. */
  readonly origin: string | undefined
  phase: Phase
  /** The client has said DISCONNECT: nothing after it counts. */
  parting: boolean
  gate: Gate | undefined
  client: Client | undefined
  hello: Hello | undefined
  identity: Identity | undefined
  seat: Seat | undefined
  lane: Lane | undefined
  /** The gateway was told of this session and has to be told of its end. */
  announced: boolean
  /** Another connection has taken the seat: its last will is not wanted. */
  superseded: boolean
  /** Filters with their quality of service. */
  readonly filters: Map<string, 0 | 1>
  /** By topic; forgotten when the filters change. */
  readonly routes: Map<string, Route>
  /** Changes of the filters that the library has not finished: messages behind them wait. */
  filtersChanging: number
  readonly outbox: ReturnType<typeof createOutbox>
  /** Retained messages that are still to be sent, as topics: one for each SUBSCRIBE. */
  readonly replays: Iterator<string>[]
  readonly packetIds: PacketIds
  readonly pubacks: Pubacks
  readonly messages: TokenBucket
  readonly control: TokenBucket
  /** Monotonic time when the packets that are looked at now arrived. */
  nowMs: number
  /** Monotonic time of the last packet. */
  seenMs: number
  paused: boolean
  readonly timers: Set<Cancel>
  /** Ends a client that does not read. */
  drainTimer: Cancel | undefined
}

export function newConnection(
  shared: Shared,
  number: number,
  remote: string,
  roles: readonly Role[],
  certificate: PeerCertificate | undefined,
  origin?: string,
): Connection {
  const { limits } = shared
  const nowMs = shared.ports.clock.monotonicMs()
  const connection: Connection = {
    shared,
    number,
    remote,
    address: addressOf(remote),
    failureCost: FAILURE_COST,
    roles,
    certificate,
    origin,
    phase: 'new',
    parting: false,
    gate: undefined,
    client: undefined,
    hello: undefined,
    identity: undefined,
    seat: undefined,
    lane: undefined,
    announced: false,
    superseded: false,
    filters: new Map(),
    routes: new Map(),
    filtersChanging: 0,
    outbox: createOutbox(limits.queueMessagesMax, shared.waiting),
    replays: [],
    packetIds: createPacketIds(UNACKNOWLEDGED_MAX),
    pubacks: createPubacks({
      send: (packetId) => {
        // A message of QoS 0 keeps its place among the others and is not acknowledged.
        if (packetId !== 0) connection.gate?.writer.puback(packetId)
      },
      onSent: () => {
        connection.gate?.admitHeld()
        endWhenSent(connection)
      },
    }),
    messages: fullBucket(limits.messagesPerSecond, limits.messagesBurst, nowMs),
    control: fullBucket(limits.controlPerSecond, limits.controlBurst, nowMs),
    nowMs,
    seenMs: nowMs,
    paused: false,
    timers: new Set(),
    drainTimer: undefined,
  }
  return connection
}

/** A timer that ends with the connection. */
export function after(connection: Connection, delayMs: number, run: () => void): Cancel {
  const cancel = connection.shared.ports.timers.after(delayMs, () => {
    connection.timers.delete(cancel)
    run()
  })
  connection.timers.add(cancel)
  return () => {
    connection.timers.delete(cancel)
    cancel()
  }
}

/** Ends a connection that broke a rule or got stuck, at once. */
export function cut(connection: Connection, reason: string): void {
  if (connection.phase === 'closed' || connection.gate?.destroyed === true) return
  noteClosed(connection, reason)
  connection.gate?.destroy()
}

/** Counts and logs why a connection is closed. */
export function noteClosed(connection: Connection, reason: string): void {
  const { counters, ports } = connection.shared
  countReason(counters.closed, reason)
  ports.log('info', 'connection closed', {
    reason,
    remote: connection.remote,
    session: connection.seat?.id ?? '',
  })
}

/** Ends a connection after what was sent to it has left, or after a while. */
export function closeGently(connection: Connection, reason: string): void {
  if (connection.phase === 'closing' || connection.phase === 'closed') return
  noteClosed(connection, reason)
  connection.phase = 'closing'
  after(connection, connection.shared.limits.closeGraceMs, () => connection.gate?.destroy())
  endWhenSent(connection)
}

/** In a closing connection: the last message and the last acknowledgement have left. */
export function endWhenSent(connection: Connection): void {
  const { phase, outbox, pubacks, gate } = connection
  if (phase !== 'closing' || outbox.length() > 0 || pubacks.waiting() > 0) return
  gate?.end()
}

/** Closes a session that says nothing for one and a half times its keepalive (section 3.1.2.10). */
export function watchKeepalive(connection: Connection): void {
  const { limits, ports } = connection.shared
  const asked = connection.hello?.keepaliveSeconds ?? 0
  const silenceMs = Math.max(asked, limits.keepaliveSecondsMin) * 1_500
  assert(silenceMs > 0, 'every session has a keepalive')
  const watch = (delayMs: number) => {
    // One timer for many packets: it looks how long ago the last one was.
    after(connection, delayMs, () => {
      const leftMs = connection.seenMs + silenceMs - ports.clock.monotonicMs()
      if (leftMs <= 0) cut(connection, 'keepalive')
      else watch(Math.ceil(leftMs))
    })
  }
  watch(silenceMs)
}

/** The client does not read: it has so long to begin again. */
export function watchDrain(connection: Connection): void {
  if (connection.drainTimer || connection.phase === 'closed') return
  connection.drainTimer = after(connection, connection.shared.limits.drainTimeoutMs, () => {
    connection.drainTimer = undefined
    cut(connection, 'drain_timeout')
  })
}

/** The client reads again. */
export function endWatchDrain(connection: Connection): void {
  connection.drainTimer?.()
  connection.drainTimer = undefined
}
