/**
 * Hands messages of a client's outbox to the MQTT library, a few at a time: what has not been
 * handed over can still be replaced by something newer.
 * @module
 */
import type { Outgoing } from '../outbox.ts'
import type { Connection, Shared } from './connection.ts'
import { cut, endWhenSent } from './connection.ts'

/** Messages of one client that the library holds at a time. */
const SENDING_MAX = 8

export type Sender = {
  readonly send: (connection: Connection, message: Outgoing) => void
  /** True while one of our own messages passes through the library's forwarding hook. */
  readonly isSending: (connection: Connection) => boolean
}

export function createSender(shared: Shared): Sender {
  let passing: Connection | undefined

  const hand = (connection: Connection, { topic, payload, qos }: Outgoing) => {
    connection.sending += 1
    connection.unacknowledged += qos
    shared.counters.messagesOut += 1
    passing = connection
    connection.client?.publish(
      { cmd: 'publish', topic, payload: Buffer.from(payload), qos, retain: false, dup: false },
      () => {
        connection.sending -= 1
        pump(connection)
      },
    )
    passing = undefined
  }

  const pump = (connection: Connection) => {
    while (connection.sending < SENDING_MAX) {
      const message = connection.outbox.shift()
      if (!message) break
      hand(connection, message)
    }
    endWhenSent(connection)
  }

  const send = (connection: Connection, message: Outgoing) => {
    if (connection.phase === 'closed') return
    const outcome = connection.outbox.push(message)
    if (outcome === 'full') {
      cut(connection, 'queue_full')
      return
    }
    if (outcome === 'replaced') shared.counters.messagesReplaced += 1
    pump(connection)
  }

  return { send, isSending: (connection) => passing === connection }
}
