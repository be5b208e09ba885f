/**
 * The wire between one gateway and its clients: an MQTT broker without MQTT that obeys the
 * product's access rule and withholds acknowledgements, and on which the weather decides the fate
 * of every message.
 * @module
 */
import type { BrokerHandlers } from '../../gateway/broker/broker.ts'
import { matchesFilter } from '../../gateway/broker/filterIndex.ts'
import type { ClientLink } from '../../gateway/core.ts'
import type {
  Clock,
  ConnectOptions,
  Connector,
  Ports,
  Timers,
  Transport,
} from '../../ports/index.ts'
import type { Identity } from '../../protocol/access.ts'
import { mayAccess } from '../../protocol/access.ts'

/** The part of a gateway that a broker talks to. */
export type BrokerSide = Pick<
  BrokerHandlers,
  'authenticate' | 'onMessage' | 'onConnected' | 'onDisconnected'
>

export type Direction = 'up' | 'down'

/** When the copies of a message arrive, in milliseconds from now; none: it is lost. */
export type Weather = (
  direction: Direction,
  topic: string,
  payload: Uint8Array,
) => readonly number[]

export type Tap = {
  /** A client hands a message over, whatever becomes of it. */
  readonly sent: (topic: string, payload: Uint8Array) => void
  readonly arrives: (direction: Direction, topic: string, payload: Uint8Array) => void
  /** Surrounds the gateway's handling of one message. */
  readonly handle: (sessionId: string, topic: string, payload: Uint8Array, run: () => void) => void
}

type Client = {
  readonly id: string
  readonly seat: string
  readonly identity: Identity
  readonly filters: Set<string>
  readonly messages: ((topic: string, payload: Uint8Array) => void)[]
  readonly closes: (() => void)[]
  readonly waiting: Set<(error: Error) => void>
  /** When the last message of each topic arrives. */
  readonly arrivesMs: Map<string, number>
  will: ConnectOptions['will'] | undefined
  open: boolean
}

export type VirtualNetwork = {
  readonly link: ClientLink
  readonly connect: Connector
  /** Puts a gateway behind the broker. */
  readonly serve: (side: BrokerSide) => void
  /** The gateway is gone with all that it retained: connections close, new ones are refused. */
  readonly stop: () => void
  readonly retained: ReadonlyMap<string, Uint8Array>
  /** Cuts one device's connection. */
  readonly cut: (device: string) => void
  /** Messages of one client that wait for their acknowledgement, the most of all clients. */
  readonly waitingMost: () => number
  readonly clients: () => number
}

type Hub = NetworkOptions & {
  readonly clock: Clock
  readonly timers: Timers
  readonly clients: Map<string, Client>
  readonly retained: Map<string, Uint8Array>
  side: BrokerSide | undefined
  sessions: number
}

export type NetworkOptions = {
  readonly weather: Weather
  readonly tap: Tap
  /** How long a login and an acknowledgement are on their way. */
  readonly hopMs: number
  /** What becomes of the acknowledgement of a message that was lost on its way up. */
  readonly onLost: (acknowledge: () => void) => void
}

export function virtualNetwork(
  { clock, timers }: Pick<Ports, 'clock' | 'timers'>,
  options: NetworkOptions,
): VirtualNetwork {
  const { hopMs } = options
  const hub: Hub = {
    ...options,
    clock,
    timers,
    clients: new Map(),
    retained: new Map(),
    side: undefined,
    sessions: 0,
  }
  return {
    link: {
      publish: (topic, payload, { retain, sessionId }) =>
        deliver(hub, topic, payload, retain, sessionId),
      // What was sent to it before arrives before.
      disconnect: (sessionId) => timers.after(hopMs, () => endSession(hub, sessionId)),
      disconnectReader: () => {},
    },
    connect: (options) => connect(hub, options),
    retained: hub.retained,
    serve: (side) => {
      hub.side = side
    },
    stop: () => {
      hub.side = undefined
      hub.retained.clear()
      for (const client of [...hub.clients.values()]) end(hub, client)
    },
    cut: (device) => {
      for (const client of [...hub.clients.values()]) {
        if (client.seat.endsWith(`/${device}`)) end(hub, client)
      }
    },
    waitingMost: () =>
      [...hub.clients.values()].reduce((most, { waiting }) => Math.max(most, waiting.size), 0),
    clients: () => hub.clients.size,
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
  let hears = false
  for (const filter of client.filters) hears ||= matchesFilter(filter, topic)
  if (!hears || !mayAccess(client.identity, 'receive', topic)) return
  const nowMs = hub.clock.monotonicMs()
  for (const delayMs of hub.weather('down', topic, payload)) {
    // What MQTT promises to a subscriber: the messages of one topic keep their order.
    const atMs = Math.max(nowMs + delayMs, client.arrivesMs.get(topic) ?? 0)
    client.arrivesMs.set(topic, atMs)
    hub.timers.after(atMs - nowMs, () => {
      if (!client.open) return
      hub.tap.arrives('down', topic, payload)
      for (const listener of client.messages) listener(topic, payload)
    })
  }
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
  return new Promise((resolve, reject) => {
    if (!client.open) return reject(new Error('the connection ended'))
    hub.tap.sent(message.topic, message.payload)
    client.waiting.add(reject)
    const done = () => {
      if (client.waiting.delete(reject)) hub.timers.after(hub.hopMs, resolve)
    }
    const arrivals = hub.weather('up', message.topic, message.payload)
    if (arrivals.length === 0) hub.onLost(done)
    const copy = { ...message, payload: message.payload.slice() }
    for (const delayMs of arrivals) hub.timers.after(delayMs, () => arrive(hub, client, copy, done))
  })
}

function arrive(hub: Hub, client: Client, message: Message, done: () => void): void {
  const { topic, payload, retain } = message
  const { side } = hub
  if (!client.open || !side) return
  if (!mayAccess(client.identity, 'publish', topic)) {
    end(hub, client)
  } else if (topic.endsWith('/state')) {
    deliver(hub, topic, payload, retain)
    done()
  } else {
    hub.tap.arrives('up', topic, payload)
    hub.tap.handle(client.id, topic, payload, () =>
      side.onMessage(client.identity, client.id, topic, payload, done),
    )
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
  await new Promise<void>((resolve) => hub.timers.after(hub.hopMs, resolve))
  const { side } = hub
  if (!side) throw new Error('connection refused')
  const { clientId, username, password, will } = options
  const verdict = await side.authenticate({ clientId, username, password, remote: 'virtual' })
  if ('refused' in verdict) throw new Error(`refused: ${verdict.refused}`)
  if (hub.side !== side) throw new Error('connection refused')
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
    arrivesMs: new Map(),
    will,
    open: true,
  }
  hub.clients.set(client.id, client)
  side.onConnected(verdict, client.id)
  return transportOf(hub, client)
}
