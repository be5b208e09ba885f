/**
 * One connection of a client: what it has shown of itself, what it may still send now, and what is
 * on its way to it.
 * @module
 */
import type { Client } from 'aedes'
import type { Cancel, Ports } from '../../../ports/index.ts'
import { createAcks } from '../acks.ts'
import type { Seat, Will } from '../admission.ts'
import type { BrokerCounters, Identity, Role } from '../broker.ts'
import { countReason } from '../broker.ts'
import { packetTypes } from '../framer.ts'
import type { BrokerLimits } from '../limits.ts'
import { createOutbox } from '../outbox.ts'
import { fullBucket, takeTokens } from '../tokenBucket.ts'
import type { Gate } from './gate.ts'

/** A subscription makes the broker look through filters and retained messages. */
const SUBSCRIBE_COST = 10

/** What all connections of a broker share. */
export type Shared = {
  readonly ports: Pick<Ports, 'clock' | 'timers' | 'log'>
  readonly limits: BrokerLimits
  readonly counters: BrokerCounters
}

/** new: no CONNECT yet. connecting: until the CONNACK. closing: takes no more packets. */
export type Phase = 'new' | 'connecting' | 'open' | 'closing' | 'closed'

export type Hello = {
  readonly clientId: string
  readonly will: Will | undefined
  readonly refusal: string | undefined
}

export type Connection = ReturnType<typeof newConnection>

export function newConnection(
  shared: Shared,
  number: number,
  remote: string,
  roles: readonly Role[],
) {
  const { limits } = shared
  const nowMs = shared.ports.clock.monotonicMs()
  return {
    shared,
    /** Unique within the broker. */
    number,
    remote,
    roles,
    phase: 'new' as Phase,
    gate: undefined as Gate | undefined,
    client: undefined as Client | undefined,
    hello: undefined as Hello | undefined,
    identity: undefined as Identity | undefined,
    seat: undefined as Seat | undefined,
    /** The gateway was told of this session and has to be told of its end. */
    announced: false,
    /** Another connection has taken the seat: its last will is not wanted. */
    superseded: false,
    /** Filters with their quality of service. */
    filters: new Map<string, 0 | 1>(),
    outbox: createOutbox(limits.queueMessagesMax),
    /** Messages handed to the MQTT library and not written yet. */
    sending: 0,
    /** Messages the client has not acknowledged; its acknowledgements of these are free. */
    unacknowledged: 0,
    acks: createAcks(),
    inFlight: 0,
    messages: fullBucket(limits.messagesPerSecond, limits.messagesBurst, nowMs),
    control: fullBucket(limits.controlPerSecond, limits.controlBurst, nowMs),
    paused: false,
    timers: new Set<Cancel>(),
  }
}

/** Is this packet let through now? Called by the gate for each, in order. */
export function admit(connection: Connection, type: number): 'pass' | 'hold' | 'refuse' {
  if (connection.phase === 'new') {
    if (type !== packetTypes.connect) return 'refuse'
    connection.phase = 'connecting'
    return 'pass'
  }
  if (connection.phase !== 'open') return 'hold'
  if (type === packetTypes.connect) return 'refuse'
  if (type === packetTypes.disconnect) return 'pass'
  return type === packetTypes.publish ? admitMessage(connection) : admitControl(connection, type)
}

function admitMessage(connection: Connection): 'pass' | 'hold' {
  const { limits, counters } = connection.shared
  if (connection.inFlight >= limits.inFlightMax) return 'hold'
  if (!withinRate(connection, connection.messages, 1)) return 'hold'
  connection.inFlight += 1
  counters.messagesIn += 1
  return 'pass'
}

function admitControl(connection: Connection, type: number): 'pass' | 'hold' {
  if (type === packetTypes.puback && connection.unacknowledged > 0) {
    connection.unacknowledged -= 1
    return 'pass'
  }
  const costly = type === packetTypes.subscribe || type === packetTypes.unsubscribe
  return withinRate(connection, connection.control, costly ? SUBSCRIBE_COST : 1) ? 'pass' : 'hold'
}

/** Not reading is enough: the peer's own TCP stack then holds the rest, and it is not cut off. */
function withinRate(connection: Connection, bucket: Connection['messages'], cost: number): boolean {
  const { ports, counters } = connection.shared
  const waitMs = takeTokens(bucket, cost, ports.clock.monotonicMs())
  if (waitMs === 0) return true
  if (connection.paused) return false
  connection.paused = true
  counters.pauses += 1
  ports.log('debug', 'a client sends too fast', { session: connection.seat?.id ?? '', waitMs })
  after(connection, waitMs, () => {
    connection.paused = false
    connection.gate?.admitHeld()
  })
  return false
}

/** The message was dealt with: there is room for another. */
export function settleMessage(connection: Connection): void {
  connection.inFlight -= 1
  connection.gate?.admitHeld()
  endWhenSent(connection)
}

/** A timer that ends with the connection. */
export function after(connection: Connection, delayMs: number, run: () => void): void {
  const cancel = connection.shared.ports.timers.after(delayMs, () => {
    connection.timers.delete(cancel)
    run()
  })
  connection.timers.add(cancel)
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
  const { phase, outbox, sending, acks, gate } = connection
  if (phase !== 'closing' || outbox.length() > 0 || sending > 0 || acks.waiting() > 0) return
  gate?.end()
}
