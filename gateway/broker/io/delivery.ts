/**
 * Finds the subscribers of a message and sends it to them. Each has a bounded queue of its own, so
 * one that does not read holds up nobody and costs no memory: newer states replace older ones, and
 * when nothing can be replaced the subscriber is closed.
 * @module
 */
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import type { BrokerHandlers, PublishMode } from '../broker.ts'
import type { FilterIndex } from '../filterIndex.ts'
import { createFilterIndex, matchesFilter } from '../filterIndex.ts'
import type { Held, Make, Retained } from '../retained.ts'
import { createRetained } from '../retained.ts'
import type { Seats } from '../seats.ts'
import type { Connection, Route, Shared } from './connection.ts'
import type { Sender } from './sender.ts'
import { createSender } from './sender.ts'

/** Topics whose route a connection remembers: a device has eight, and most messages are of one. */
const ROUTES_MAX = 8

export type Delivery = {
  readonly publish: (topic: string, payload: Uint8Array, mode: PublishMode) => void
  /** Retains what `make` makes when somebody asks; whoever listens now gets it at once. */
  readonly offer: (topic: string, make: Make) => void
  readonly subscribe: (connection: Connection, filter: string, qos: 0 | 1) => void
  readonly unsubscribe: (connection: Connection, filter: string) => void
  readonly unsubscribeAll: (connection: Connection) => void
  /** Sends the retained messages that match, as they are when their turn comes. */
  readonly replay: (connection: Connection, filters: readonly string[]) => void
  /** Goes on with what waits for a client. */
  readonly pump: (connection: Connection) => void
  readonly sizes: () => { readonly filters: number; readonly retained: number }
}

type State = {
  readonly shared: Shared
  readonly mayAccess: BrokerHandlers['mayAccess']
  readonly seats: Seats<Connection>
  readonly index: FilterIndex<Connection>
  readonly retained: Retained
  readonly sender: Sender
}

export function createDelivery(
  shared: Shared,
  mayAccess: BrokerHandlers['mayAccess'],
  seats: Seats<Connection>,
): Delivery {
  const index = createFilterIndex<Connection>()
  const retained = createRetained(shared.limits.retainedTopicsMax)
  const routeOf = (connection: Connection, topic: string) => routeFor(mayAccess, connection, topic)
  const sender = createSender({ shared, retained, routeOf })
  const state: State = { shared, mayAccess, seats, index, retained, sender }
  return {
    publish: (topic, payload, mode) => publish(state, topic, payload, mode),
    offer: (topic, make) => {
      keep(state, topic, make)
      if (listenersOf(state, topic).size === 0) return
      make((payload) => publishToAll(state, { topic, payload, replaces: topic }))
    },
    subscribe: (connection, filter, qos) => {
      connection.filters.set(filter, qos)
      connection.routes.clear()
      index.add(filter, connection)
    },
    unsubscribe: (connection, filter) => {
      connection.filters.delete(filter)
      connection.routes.clear()
      index.remove(filter, connection)
    },
    unsubscribeAll: (connection) => {
      for (const filter of connection.filters.keys()) index.remove(filter, connection)
      connection.filters.clear()
      connection.routes.clear()
    },
    replay: (connection, filters) => {
      sender.replay(connection, retained.match(filters)[Symbol.iterator]())
    },
    pump: sender.pump,
    sizes: () => ({ filters: index.size(), retained: retained.size() }),
  }
}

function publish(state: State, topic: string, payload: Uint8Array, mode: PublishMode): void {
  const { seats, sender, mayAccess } = state
  if (mode.retain) keep(state, topic, payload)
  const replaces = mode.replaces ?? (mode.retain ? topic : undefined)
  const message = { topic, payload, replaces }
  if (mode.sessionId === undefined) {
    publishToAll(state, message)
    return
  }
  const connection = seats.get(mode.sessionId)
  if (connection) sender.send(connection, routeFor(mayAccess, connection, topic), message)
}

function keep({ shared, retained }: State, topic: string, held: Held): void {
  if (retained.set(topic, held)) return
  shared.ports.log('warn', 'too many retained topics, one is not kept', { topic })
}

function publishToAll(state: State, message: Parameters<Sender['send']>[2]): void {
  const { topic } = message
  const found = listenersOf(state, topic)
  if (found.size === 0) return
  const bytes = utf8ToBytes(topic)
  for (const [connection, qos] of found)
    state.sender.send(connection, { topic: bytes, qos }, message)
}

/** Who has subscribed to a topic and may receive it, and how. */
function listenersOf({ index, mayAccess }: State, topic: string): Map<Connection, 0 | 1> {
  const found = new Map<Connection, 0 | 1>()
  index.match(topic, (connection, filter) => {
    const { identity } = connection
    if (!identity || !mayAccess(identity, 'receive', topic)) return
    const qos = connection.filters.get(filter) ?? 0
    if (qos === 1 || !found.has(connection)) found.set(connection, qos)
  })
  return found
}

/** Whether a client has subscribed to a topic and may receive it, and how. */
function routeFor(
  mayAccess: BrokerHandlers['mayAccess'],
  connection: Connection,
  topic: string,
): Route {
  const known = connection.routes.get(topic)
  if (known) return known
  const route: Route = { topic: utf8ToBytes(topic), qos: qosOf(mayAccess, connection, topic) }
  if (connection.routes.size >= ROUTES_MAX) connection.routes.clear()
  connection.routes.set(topic, route)
  return route
}

function qosOf(
  mayAccess: BrokerHandlers['mayAccess'],
  { identity, filters }: Connection,
  topic: string,
): 0 | 1 | undefined {
  if (!identity) return undefined
  let best: 0 | 1 | undefined
  for (const [filter, qos] of filters) {
    if (best !== 1 && matchesFilter(filter, topic)) best = qos
  }
  return best !== undefined && mayAccess(identity, 'receive', topic) ? best : undefined
}
