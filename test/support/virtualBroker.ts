/**
 * An MQTT broker without MQTT: the gateway's link and clients' connector on virtual time. It obeys
 * the same access rule and withholds the acknowledgement just as the real one does.
 * @module
 */

import type { ConnectRequest } from '../../gateway/broker/broker.ts'
import { matchesFilter } from '../../gateway/broker/filterIndex.ts'
import type { ClientLink } from '../../gateway/core.ts'
import type { Connector, Timers, Transport } from '../../ports/index.ts'
import type { Identity } from '../../protocol/access.ts'
import { mayAccess } from '../../protocol/access.ts'

/** The part of a gateway that a broker talks to. */
export type BrokerSide = {
  readonly authenticate: (
    request: ConnectRequest,
  ) => Promise<Identity | { readonly refused: string }>
  readonly onConnected: (identity: Identity, sessionId: string) => void
  readonly onDisconnected: (identity: Identity, sessionId: string) => void
  readonly onMessage: (
    identity: Identity,
    sessionId: string,
    topic: string,
    payload: Uint8Array,
    done: () => void,
  ) => void
}

type Client = {
  readonly id: string
  readonly clientId: string
  readonly identity: Identity
  readonly filters: Set<string>
  readonly messages: ((topic: string, payload: Uint8Array) => void)[]
  readonly closes: (() => void)[]
  readonly waiting: Set<(error: Error) => void>
  readonly will: { topic: string; payload: Uint8Array; retain: boolean } | undefined
  open: boolean
}

export type Delivery = { readonly topic: string; readonly payload: Uint8Array }

export type VirtualBroker = {
  readonly link: ClientLink
  readonly connect: Connector
  /** Puts a gateway behind the broker. */
  readonly serve: (side: BrokerSide) => void
  /** The gateway is gone: every connection closes and new ones are refused. */
  readonly stop: () => void
  readonly retained: ReadonlyMap<string, Uint8Array>
  /** Return false to lose a message; called for both directions. */
  lose: (direction: 'up' | 'down', delivery: Delivery) => boolean
  /** Messages that clients sent, by topic name (the last level). */
  readonly sent: Map<string, number>
}

export function virtualBroker(timers: Timers, latencyMs: number): VirtualBroker {
  const clients = new Map<string, Client>()
  const retained = new Map<string, Uint8Array>()
  const sent = new Map<string, number>()
  let side: BrokerSide | undefined
  let sessions = 0

  const end = (client: Client) => {
    if (!client.open) return
    client.open = false
    clients.delete(client.id)
    for (const reject of client.waiting) reject(new Error('the connection ended'))
    for (const listener of client.closes) listener()
    side?.onDisconnected(client.identity, client.id)
    if (client.will) deliver(client.will.topic, client.will.payload, client.will.retain)
  }
  const hand = (client: Client, topic: string, payload: Uint8Array) => {
    if (![...client.filters].some((filter) => matchesFilter(filter, topic))) return
    if (!mayAccess(client.identity, 'receive', topic)) return
    if (broker.lose('down', { topic, payload })) return
    timers.after(latencyMs, () => {
      if (client.open) for (const listener of client.messages) listener(topic, payload)
    })
  }
  const deliver = (topic: string, payload: Uint8Array, retain: boolean) => {
    if (retain) retained.set(topic, payload.slice())
    const copy = payload.slice()
    for (const client of [...clients.values()]) hand(client, topic, copy)
  }
  const publish = (client: Client, topic: string, payload: Uint8Array, retain: boolean) =>
    new Promise<void>((resolve, reject) => {
      if (!client.open) return reject(new Error('the connection ended'))
      const name = topic.slice(topic.lastIndexOf('/') + 1)
      sent.set(name, (sent.get(name) ?? 0) + 1)
      if (broker.lose('up', { topic, payload })) return
      client.waiting.add(reject)
      const done = () => {
        client.waiting.delete(reject)
        timers.after(latencyMs, resolve)
      }
      timers.after(latencyMs, () => {
        if (!client.open) return
        if (!mayAccess(client.identity, 'publish', topic)) return end(client)
        if (/\/state$/.test(topic)) {
          deliver(topic, payload, retain)
          done()
        } else side?.onMessage(client.identity, client.id, topic, payload.slice(), done)
      })
    })
  const transportOf = (client: Client): Transport => ({
    publish: (topic, payload, { retain }) => publish(client, topic, payload, retain),
    subscribe: async (topics) => {
      for (const filter of topics) {
        if (!mayAccess(client.identity, 'subscribe', filter)) throw new Error(`may not ${filter}`)
        client.filters.add(filter)
        for (const [topic, payload] of retained) {
          if (matchesFilter(filter, topic)) hand(client, topic, payload)
        }
      }
    },
    onMessage: (listener) => client.messages.push(listener),
    onClose: (listener) => client.closes.push(listener),
    close: async () => end(quiet(client)),
  })
  const quiet = (client: Client) => {
    Object.assign(client, { will: undefined })
    return client
  }
  const connect: Connector = async (options) => {
    await new Promise<void>((resolve) => timers.after(latencyMs, resolve))
    if (!side) throw new Error('connection refused')
    const { clientId, username, password } = options
    const verdict = await side.authenticate({ clientId, username, password, remote: 'virtual' })
    if ('refused' in verdict) throw new Error(`refused: ${verdict.refused}`)
    if (!side) throw new Error('connection refused')
    const seat = verdict.kind === 'stale_clock' ? `${clientId}?clock${sessions}` : clientId
    for (const other of [...clients.values()]) if (other.clientId === seat) end(other)
    const client: Client = {
      id: `s${sessions++}`,
      clientId: seat,
      identity: verdict,
      filters: new Set(),
      messages: [],
      closes: [],
      waiting: new Set(),
      will: options.will,
      open: true,
    }
    clients.set(client.id, client)
    side.onConnected(verdict, client.id)
    return transportOf(client)
  }
  const broker: VirtualBroker = {
    retained,
    sent,
    connect,
    lose: () => false,
    link: {
      publish: (topic, payload, { retain }) => deliver(topic, payload, retain),
      disconnect: (sessionId) => {
        const client = clients.get(sessionId)
        if (client) end(client)
      },
      disconnectReader: () => {},
    },
    serve: (next) => {
      side = next
    },
    stop: () => {
      side = undefined
      for (const client of [...clients.values()]) end(client)
    },
  }
  return broker
}
