/**
 * An MQTT broker without MQTT: the gateway's link and clients' connector on virtual time. It obeys
 * the same access rule and withholds the acknowledgement just as the real one does.
 * @module
 */

import type { BrokerHandlers } from '../../gateway/broker/broker.ts'
import { matchesFilter } from '../../gateway/broker/filterIndex.ts'
import type { ClientLink } from '../../gateway/core.ts'
import type { ConnectOptions, Connector, Timers, Transport } from '../../ports/index.ts'
import type { Identity } from '../../protocol/access.ts'
import { mayAccess } from '../../protocol/access.ts'

/** The part of a gateway that a broker talks to. */
export type BrokerSide = Omit<BrokerHandlers, 'mayAccess'>

type Client = {
  readonly id: string
  readonly seat: string
  readonly identity: Identity
  readonly filters: Set<string>
  readonly messages: ((topic: string, payload: Uint8Array) => void)[]
  readonly closes: (() => void)[]
  readonly waiting: Set<(error: Error) => void>
  will: ConnectOptions['will'] | undefined
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

type Hub = {
  readonly timers: Timers
  readonly latencyMs: number
  readonly clients: Map<string, Client>
  readonly retained: Map<string, Uint8Array>
  readonly sent: Map<string, number>
  side: BrokerSide | undefined
  sessions: number
  lose: VirtualBroker['lose']
}

export function virtualBroker(timers: Timers, latencyMs: number): VirtualBroker {
  const hub: Hub = {
    timers,
    latencyMs,
    clients: new Map(),
    retained: new Map(),
    sent: new Map(),
    side: undefined,
    sessions: 0,
    lose: () => false,
  }
  return {
    retained: hub.retained,
    sent: hub.sent,
    connect: (options) => connect(hub, options),
    get lose() {
      return hub.lose
    },
    set lose(rule) {
      hub.lose = rule
    },
    link: {
      publish: (topic, payload, { retain, sessionId }) =>
        deliver(hub, topic, payload, retain, sessionId),
      // What was sent to it before arrives before.
      disconnect: (sessionId) => timers.after(latencyMs, () => endSession(hub, sessionId)),
      disconnectReader: () => {},
    },
    serve: (next) => {
      hub.side = next
    },
    stop: () => {
      hub.side = undefined
      for (const client of [...hub.clients.values()]) end(hub, client)
    },
  }
}

function endSession(hub: Hub, sessionId: string): void {
  const client = hub.clients.get(sessionId)
  if (client) end(hub, client)
}

function end(hub: Hub, client: Client): void {
  if (!client.open) return
  client.open = false
  hub.clients.delete(client.id)
  for (const reject of client.waiting) reject(new Error('the connection ended'))
  for (const listener of client.closes) listener()
  hub.side?.onDisconnected(client.identity, client.id)
  const { will } = client
  if (will) deliver(hub, will.topic, will.payload, will.retain)
}

function hand(hub: Hub, client: Client, topic: string, payload: Uint8Array): void {
  if (![...client.filters].some((filter) => matchesFilter(filter, topic))) return
  if (!mayAccess(client.identity, 'receive', topic)) return
  if (hub.lose('down', { topic, payload })) return
  hub.timers.after(hub.latencyMs, () => {
    if (client.open) for (const listener of client.messages) listener(topic, payload)
  })
}

function deliver(
  hub: Hub,
  topic: string,
  payload: Uint8Array,
  retain: boolean,
  sessionId?: string,
): void {
  const copy = payload.slice()
  if (retain) hub.retained.set(topic, copy)
  for (const client of [...hub.clients.values()]) {
    if (sessionId === undefined || client.id === sessionId) hand(hub, client, topic, copy)
  }
}

type Message = { readonly topic: string; readonly payload: Uint8Array; readonly retain: boolean }

function publish(hub: Hub, client: Client, message: Message): Promise<void> {
  const { topic } = message
  return new Promise((resolve, reject) => {
    if (!client.open) return reject(new Error('the connection ended'))
    const name = topic.slice(topic.lastIndexOf('/') + 1)
    hub.sent.set(name, (hub.sent.get(name) ?? 0) + 1)
    if (hub.lose('up', message)) return
    client.waiting.add(reject)
    const done = () => {
      client.waiting.delete(reject)
      hub.timers.after(hub.latencyMs, resolve)
    }
    hub.timers.after(hub.latencyMs, () => arrive(hub, client, message, done))
  })
}

function arrive(hub: Hub, client: Client, message: Message, done: () => void): void {
  const { topic, payload, retain } = message
  if (!client.open) return
  if (!mayAccess(client.identity, 'publish', topic)) {
    end(hub, client)
  } else if (topic.endsWith('/state')) {
    deliver(hub, topic, payload, retain)
    done()
  } else {
    hub.side?.onMessage(client.identity, client.id, topic, payload.slice(), done)
  }
}

function transportOf(hub: Hub, client: Client): Transport {
  return {
    publish: (topic, payload, { retain }) => publish(hub, client, { topic, payload, retain }),
    subscribe: async (topics) => {
      for (const filter of topics) subscribe(hub, client, filter)
    },
    onMessage: (listener) => client.messages.push(listener),
    onClose: (listener) => client.closes.push(listener),
    close: async () => {
      client.will = undefined
      end(hub, client)
    },
  }
}

function subscribe(hub: Hub, client: Client, filter: string): void {
  if (!mayAccess(client.identity, 'subscribe', filter)) throw new Error(`may not ${filter}`)
  client.filters.add(filter)
  for (const [topic, payload] of hub.retained) {
    if (matchesFilter(filter, topic)) hand(hub, client, topic, payload)
  }
}

async function connect(hub: Hub, options: ConnectOptions): Promise<Transport> {
  await new Promise<void>((resolve) => hub.timers.after(hub.latencyMs, resolve))
  if (!hub.side) throw new Error('connection refused')
  const { clientId, username, password, will } = options
  const request = { clientId, username, password, remote: 'virtual' }
  const verdict = await hub.side.authenticate(request)
  if ('refused' in verdict) throw new Error(`refused: ${verdict.refused}`)
  if (!hub.side) throw new Error('connection refused')
  const seat = verdict.kind === 'stale_clock' ? `${clientId}?clock${hub.sessions}` : clientId
  for (const other of [...hub.clients.values()]) if (other.seat === seat) end(hub, other)
  const client: Client = {
    id: `s${hub.sessions++}`,
    seat,
    identity: verdict,
    filters: new Set(),
    messages: [],
    closes: [],
    waiting: new Set(),
    will,
    open: true,
  }
  hub.clients.set(client.id, client)
  hub.side.onConnected(verdict, client.id)
  return transportOf(hub, client)
}
