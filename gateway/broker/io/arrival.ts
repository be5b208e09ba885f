/**
 * What becomes of each packet of a client. PUBLISH and PUBACK are dealt with here; the library gets
 * the others. Messages are read where they lie in the bytes that arrived, one after the other.
 * @module
 */
import { relayedTopic } from '../admission.ts'
import type { BrokerHandlers } from '../broker.ts'
import type { Packet } from '../framer.ts'
import { packetTypes } from '../framer.ts'
import type { PublishParts } from '../publishPacket.ts'
import { countLevels, isTopic, newPublishParts, readPuback, readPublish } from '../publishPacket.ts'
import type { TokenBucket } from '../tokenBucket.ts'
import { takeTokens } from '../tokenBucket.ts'
import type { Connection } from './connection.ts'
import { after, cut } from './connection.ts'
import type { Delivery } from './delivery.ts'
import type { Verdict } from './gate.ts'

/** A subscription makes the broker look through filters and retained messages. */
const SUBSCRIBE_COST = 10
/** A packet without a filter, which changes nothing: header and packet id. */
const BARE_BYTES = 4

export type Arrivals = {
  /** Called by the gate for each packet, in order. */
  readonly admit: (connection: Connection, packet: Readonly<Packet>) => Verdict
}

type State = {
  readonly handlers: BrokerHandlers
  readonly delivery: Delivery
  /** Its CONNECT is whole. */
  readonly onConnect: (connection: Connection) => void
  /** Of the packet that is looked at. */
  readonly parts: PublishParts
}

export function createArrivals(
  handlers: BrokerHandlers,
  delivery: Delivery,
  onConnect: (connection: Connection) => void,
): Arrivals {
  const state: State = { handlers, delivery, onConnect, parts: newPublishParts() }
  return {
    admit: (connection, packet) => {
      const verdict = admit(state, connection, packet)
      if (verdict !== 'hold') connection.seenMs = connection.nowMs
      return verdict
    },
  }
}

function admit(state: State, connection: Connection, packet: Readonly<Packet>): Verdict {
  const { type } = packet
  if (connection.phase === 'new') {
    if (type !== packetTypes.connect) return 'unexpected_packet'
    connection.phase = 'connecting'
    connection.failureCost = 0
    state.onConnect(connection)
    return 'pass'
  }
  if (connection.phase !== 'open' || connection.parting) return 'hold'
  switch (type) {
    case packetTypes.publish:
      return admitMessage(state, connection, packet)
    case packetTypes.puback:
      return admitPuback(state, connection, packet)
    case packetTypes.connect:
      return 'unexpected_packet'
    case packetTypes.disconnect:
      connection.parting = true
      return 'pass'
    default:
      return admitControl(connection, packet)
  }
}

function admitMessage(state: State, connection: Connection, packet: Readonly<Packet>): Verdict {
  const { pubacks, shared, filtersChanging, gate } = connection
  // What it is told in answer has to find its subscriptions.
  if (filtersChanging > 0 || pubacks.waiting() >= shared.limits.inFlightMax) return 'hold'
  // Who does not read what it is told is not listened to.
  if (gate?.writer.blocked !== false) return 'hold'
  if (!withinRate(connection, connection.messages, 1)) return 'hold'
  shared.counters.messagesIn += 1
  return takeMessage(state, connection, packet)
}

function admitPuback(state: State, connection: Connection, packet: Readonly<Packet>): Verdict {
  const id = readPuback(packet.bytes, packet.first, packet.body, packet.end)
  if (id === 0) return 'malformed_packet'
  if (connection.packetIds.release(id)) {
    state.delivery.pump(connection)
    return 'taken'
  }
  return withinRate(connection, connection.control, 1) ? 'taken' : 'hold'
}

function admitControl(connection: Connection, packet: Readonly<Packet>): Verdict {
  const { type, start, end } = packet
  const isSubscribe = type === packetTypes.subscribe
  const changes = isSubscribe || type === packetTypes.unsubscribe
  if (!withinRate(connection, connection.control, changes ? SUBSCRIBE_COST : 1)) return 'hold'
  // The library tells of each of them when it is done, but not of an UNSUBSCRIBE from nothing.
  if (isSubscribe || (changes && end - start > BARE_BYTES)) connection.filtersChanging += 1
  return 'pass'
}

/** Not reading is enough: the peer's own TCP stack then holds the rest, and it is not cut off. */
function withinRate(connection: Connection, bucket: TokenBucket, cost: number): boolean {
  const { ports, counters } = connection.shared
  const waitMs = takeTokens(bucket, cost, connection.nowMs)
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

function takeMessage(
  state: State,
  connection: Connection,
  { bytes, first, body, end }: Readonly<Packet>,
): Verdict {
  const { parts } = state
  const { lane } = connection
  if (!readPublish(bytes, first, body, end, parts)) return 'malformed_packet'
  const { qos, retain, topicStart, topicEnd, packetId, payloadStart } = parts
  if (lane && qos === 1 && !retain && isTopic(bytes, topicStart, topicEnd, lane.topic)) {
    lane.take(bytes, payloadStart, end, packetId)
    return 'taken'
  }
  const violation = takeOther(state, connection, parts, bytes, end)
  if (violation !== undefined) cut(connection, violation)
  return 'taken'
}

/** A message that is no tick in the lane; returns the rule that it breaks. */
function takeOther(
  { handlers, delivery }: State,
  connection: Connection,
  { retain, topicStart, topicEnd, packetId, payloadStart }: PublishParts,
  bytes: Uint8Array,
  end: number,
): string | undefined {
  const { identity, seat, shared, pubacks } = connection
  if (!identity || !seat) return 'protocol_error'
  const levels = countLevels(bytes, topicStart, topicEnd)
  if (levels < 0 || levels > shared.limits.topicLevelsMax) return 'protocol_error'
  const topic = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
    'latin1',
    topicStart,
    topicEnd,
  )
  const isForeign = topic.startsWith('$') || !handlers.mayAccess(identity, 'publish', topic)
  if (isForeign) {
    handlers.onForeign?.(identity, topic)
    return 'foreign_topic'
  }
  const relayed = topic === relayedTopic(identity)
  if (retain && !relayed) return 'retained_message'
  const payload = bytes.subarray(payloadStart, end)
  const ticket = pubacks.expect(packetId)
  if (relayed) {
    delivery.publish(topic, payload, { retain, replaces: topic })
    pubacks.settle(ticket)
  } else {
    handlers.onMessage(identity, seat.id, topic, payload, () => pubacks.settle(ticket))
  }
  return undefined
}
