/**
 * Sends messages to subscribers. Each has a bounded queue of its own, so one that does not read
 * holds up nobody and costs no memory: newer states replace older ones, and when nothing can be
 * replaced the subscriber is closed.
 * @module
 */
import type { AedesPublishPacket } from 'aedes'
import type { BrokerHandlers, PublishMode } from '../broker.ts'
import { createFilterIndex } from '../filterIndex.ts'
import { createRetained } from '../retained.ts'
import type { Connection, Shared } from './connection.ts'
import { cut, endWhenSent } from './connection.ts'

/** Messages of one client handed to the MQTT library at a time; the rest can still be replaced. */
const SENDING_MAX = 8

export type Delivery = ReturnType<typeof createDelivery>

export function createDelivery(shared: Shared, mayAccess: BrokerHandlers['mayAccess']) {
  const index = createFilterIndex<Connection>()
  const retained = createRetained(shared.limits.retainedTopicsMax)
  /** Set while our own message passes through the library's forwarding hook. */
  let passing: Connection | undefined

  const publish = (topic: string, payload: Uint8Array, mode: PublishMode) => {
    if (mode.retain && !retained.set(topic, payload)) {
      shared.ports.log('warn', 'too many retained topics, not kept', { topic })
    }
    const replaces = mode.replaces ?? (mode.retain ? topic : undefined)
    const copy = Buffer.from(payload)
    for (const [connection, qos] of subscribers(topic)) {
      send(connection, { topic, payload: copy, qos, replaces })
    }
  }

  const subscribers = (topic: string): ReadonlyMap<Connection, 0 | 1> => {
    const found = new Map<Connection, 0 | 1>()
    index.match(topic, (connection, filter) => {
      const { identity } = connection
      if (!identity || !mayAccess(identity, 'receive', topic)) return
      const qos = connection.filters.get(filter) ?? 0
      if (qos === 1 || !found.has(connection)) found.set(connection, qos)
    })
    return found
  }

  const send = (connection: Connection, message: Parameters<Connection['outbox']['push']>[0]) => {
    if (connection.phase === 'closed') return
    const outcome = connection.outbox.push(message)
    if (outcome === 'full') return cut(connection, 'queue_full')
    if (outcome === 'replaced') shared.counters.messagesReplaced += 1
    pump(connection)
  }

  const pump = (connection: Connection) => {
    const { client, outbox } = connection
    while (client && connection.sending < SENDING_MAX) {
      const message = outbox.shift()
      if (!message) break
      const { topic, payload, qos } = message
      connection.sending += 1
      connection.unacknowledged += qos
      shared.counters.messagesOut += 1
      passing = connection
      client.publish(
        { cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain: false, dup: false },
        () => {
          connection.sending -= 1
          pump(connection)
        },
      )
      passing = undefined
    }
    endWhenSent(connection)
  }

  /**
   * The library's hook before each delivery: passes our own messages, and replays retained ones
   * as they are now, which may be newer than when the replay began.
   */
  const forward = (connection: Connection, packet: AedesPublishPacket) => {
    if (passing === connection) return packet
    const payload = retained.get(packet.topic)
    if (!payload || subscribers(packet.topic).get(connection) === undefined) return null
    const qos = subscribers(packet.topic).get(connection) ?? 0
    connection.unacknowledged += qos
    shared.counters.messagesOut += 1
    packet.payload = Buffer.from(payload)
    packet.qos = qos
    return packet
  }

  const subscribe = (connection: Connection, filter: string, qos: 0 | 1) => {
    connection.filters.set(filter, qos)
    index.add(filter, connection)
  }

  const unsubscribe = (connection: Connection, filter: string) => {
    connection.filters.delete(filter)
    index.remove(filter, connection)
  }

  const unsubscribeAll = (connection: Connection) => {
    for (const filter of connection.filters.keys()) index.remove(filter, connection)
    connection.filters.clear()
  }

  const sizes = () => ({ filters: index.size(), retained: retained.size() })

  return { publish, forward, subscribe, unsubscribe, unsubscribeAll, retained, sizes }
}
