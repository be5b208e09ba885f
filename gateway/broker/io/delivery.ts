/**
 * Finds the subscribers of a message and sends it to them. Each has a bounded queue of its own, so
 * one that does not read holds up nobody and costs no memory: newer states replace older ones, and
 * when nothing can be replaced the subscriber is closed.
 * @module
 */
import type { AedesPublishPacket } from 'aedes'
import type { BrokerHandlers, PublishMode } from '../broker.ts'
import type { FilterIndex } from '../filterIndex.ts'
import { createFilterIndex } from '../filterIndex.ts'
import type { Retained } from '../retained.ts'
import { createRetained } from '../retained.ts'
import type { Connection, Shared } from './connection.ts'
import type { Sender } from './sender.ts'
import { createSender } from './sender.ts'

export type Delivery = {
  readonly publish: (topic: string, payload: Uint8Array, mode: PublishMode) => void
  /** The library's hook before each delivery: the packet to send, or null. */
  readonly forward: (
    connection: Connection,
    packet: AedesPublishPacket,
  ) => AedesPublishPacket | null
  readonly subscribe: (connection: Connection, filter: string, qos: 0 | 1) => void
  readonly unsubscribe: (connection: Connection, filter: string) => void
  readonly unsubscribeAll: (connection: Connection) => void
  readonly retained: Retained
  readonly sizes: () => { readonly filters: number; readonly retained: number }
}

type State = {
  readonly shared: Shared
  readonly mayAccess: BrokerHandlers['mayAccess']
  readonly index: FilterIndex<Connection>
  readonly retained: Retained
  readonly sender: Sender
}

export function createDelivery(shared: Shared, mayAccess: BrokerHandlers['mayAccess']): Delivery {
  const index = createFilterIndex<Connection>()
  const retained = createRetained(shared.limits.retainedTopicsMax)
  const state: State = { shared, mayAccess, index, retained, sender: createSender(shared) }
  return {
    publish: (topic, payload, mode) => publish(state, topic, payload, mode),
    forward: (connection, packet) => forward(state, connection, packet),
    subscribe: (connection, filter, qos) => {
      connection.filters.set(filter, qos)
      index.add(filter, connection)
    },
    unsubscribe: (connection, filter) => {
      connection.filters.delete(filter)
      index.remove(filter, connection)
    },
    unsubscribeAll: (connection) => {
      for (const filter of connection.filters.keys()) index.remove(filter, connection)
      connection.filters.clear()
    },
    retained,
    sizes: () => ({ filters: index.size(), retained: retained.size() }),
  }
}

function publish(state: State, topic: string, payload: Uint8Array, mode: PublishMode): void {
  if (mode.retain && !state.retained.set(topic, payload)) {
    state.shared.ports.log('warn', 'too many retained topics, one is not kept', { topic })
  }
  const replaces = mode.replaces ?? (mode.retain ? topic : undefined)
  const copy = Buffer.from(payload)
  for (const [connection, qos] of subscribers(state, topic)) {
    if (mode.sessionId !== undefined && connection.seat?.id !== mode.sessionId) continue
    state.sender.send(connection, { topic, payload: copy, qos, replaces })
  }
}

/** Who may receive `topic` and wants to, with the best quality of service of its filters. */
function subscribers(state: State, topic: string): ReadonlyMap<Connection, 0 | 1> {
  const found = new Map<Connection, 0 | 1>()
  state.index.match(topic, (connection, filter) => {
    const { identity } = connection
    if (!identity || !state.mayAccess(identity, 'receive', topic)) return
    const qos = connection.filters.get(filter) ?? 0
    if (qos === 1 || !found.has(connection)) found.set(connection, qos)
  })
  return found
}

/**
 * Passes our own messages, and replays retained ones as they are now, which may be newer than when
 * the replay began.
 */
function forward(
  state: State,
  connection: Connection,
  packet: AedesPublishPacket,
): AedesPublishPacket | null {
  if (state.sender.isSending(connection)) return packet
  const payload = state.retained.get(packet.topic)
  const qos = subscribers(state, packet.topic).get(connection)
  if (!payload || qos === undefined) return null
  connection.unacknowledged += qos
  state.shared.counters.messagesOut += 1
  packet.payload = Buffer.from(payload)
  packet.qos = qos
  return packet
}
