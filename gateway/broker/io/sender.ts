/**
 * Sends messages to one client: at once while its line takes bytes, and otherwise from its outbox,
 * where what has not left can still be replaced by something newer.
 * @module
 */
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import type { Outgoing } from '../outbox.ts'
import type { Make, Retained } from '../retained.ts'
import type { Connection, Route, Shared } from './connection.ts'
import { cut, endWhenSent } from './connection.ts'

/** SUBSCRIBEs whose retained messages are still to be sent; more of them are an attack. */
const REPLAYS_MAX = 64

export type Message = Omit<Outgoing, 'qos'>

export type Sender = {
  /** `payload` is copied if it has to wait. */
  readonly send: (connection: Connection, route: Route, message: Message) => void
  /** Sends the retained messages of `topics` as they are when their turn comes. */
  readonly replay: (connection: Connection, topics: Iterator<string>) => void
  /** Goes on with what waits, as far as there is room. */
  readonly pump: (connection: Connection) => void
}

export type SenderOptions = {
  readonly shared: Shared
  readonly retained: Retained
  readonly routeOf: (connection: Connection, topic: string) => Route
}

export function createSender({ shared, retained, routeOf }: SenderOptions): Sender {
  const write = createWrite(shared)

  const pumpOutbox = (connection: Connection) => {
    while (hasRoom(connection)) {
      const message = connection.outbox.shift()
      if (!message) return
      write(connection, utf8ToBytes(message.topic), message.payload, message.qos, false)
    }
  }

  const makers = createMakers((connection, name, payload) => {
    const { topic, qos } = routeOf(connection, name)
    // Something else may have taken the room meanwhile: then it is made again.
    if (!hasRoom(connection)) connection.replays.unshift([name].values())
    else if (qos !== undefined) write(connection, topic, payload, qos, true)
    pump(connection)
  })

  const pumpReplays = (connection: Connection) => {
    const { replays, outbox } = connection
    while (outbox.length() === 0 && hasRoom(connection) && !makers.isBusy(connection)) {
      const next = replays[0]?.next()
      if (!next) return
      if (next.done) {
        replays.shift()
        continue
      }
      const held = retained.get(next.value)
      const { topic, qos } = routeOf(connection, next.value)
      if (held === undefined || qos === undefined) continue
      if (typeof held === 'function') makers.ask(connection, next.value, held)
      else write(connection, topic, held, qos, true)
    }
  }

  const pump = (connection: Connection) => {
    if (connection.outbox.length() > 0) pumpOutbox(connection)
    if (connection.replays.length > 0) pumpReplays(connection)
    if (connection.phase === 'closing') endWhenSent(connection)
  }

  const send = (connection: Connection, { topic, qos }: Route, message: Message) => {
    if (qos === undefined || connection.phase === 'closed' || isGone(connection)) return
    const { payload, replaces } = message
    if (connection.outbox.length() === 0 && hasRoom(connection)) {
      write(connection, topic, payload, qos, false)
      return
    }
    const waiting = { topic: message.topic, payload: new Uint8Array(payload), qos, replaces }
    const outcome = connection.outbox.push(waiting)
    if (outcome === 'full') cut(connection, 'queue_full')
    else if (outcome === 'replaced') shared.counters.messagesReplaced += 1
  }

  const replay = (connection: Connection, topics: Iterator<string>) => {
    if (isGone(connection)) return
    connection.replays.push(topics)
    if (connection.replays.length > REPLAYS_MAX) cut(connection, 'queue_full')
    else pump(connection)
  }

  return { send, replay, pump }
}

/** Hands one message to the line of a connection. */
function createWrite({ counters }: Shared) {
  return (
    { gate, packetIds }: Connection,
    topic: Uint8Array,
    payload: Uint8Array,
    qos: 0 | 1,
    retain: boolean,
  ) => {
    counters.messagesOut += 1
    const packetId = qos === 0 ? 0 : packetIds.take()
    gate?.writer.publish({ qos, retain, topic, packetId }, payload)
  }
}

/** Has retained messages made, one at a time for each connection, and hands them to `take`. */
function createMakers(take: (connection: Connection, name: string, payload: Uint8Array) => void) {
  const busy = new WeakSet<Connection>()
  return {
    isBusy: (connection: Connection) => busy.has(connection),
    ask: (connection: Connection, name: string, make: Make) => {
      busy.add(connection)
      make((payload) => {
        busy.delete(connection)
        if (connection.phase !== 'closed' && !isGone(connection)) take(connection, name, payload)
      })
    },
  }
}

function isGone({ gate }: Connection): boolean {
  return gate?.destroyed !== false
}

/** The client reads, and acknowledges what it has read. */
function hasRoom({ gate, packetIds }: Connection): boolean {
  return gate !== undefined && !gate.writer.blocked && packetIds.hasRoom()
}
