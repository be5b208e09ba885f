/**
 * What the gateway sees of its MQTT broker: sessions with an identity, messages with an
 * acknowledgement that waits, and publishing. No MQTT library and nothing about money.
 * @module
 */
import type { Action, Identity } from '../../protocol/access.ts'
import type { Make } from './retained.ts'

export type { Identity }

/** Who may log in at a listener; a device with a wrong clock is a device. */
export type Role = 'device' | 'fleet' | 'reader'

export type Place = {
  readonly host: string
  /** 0 takes a free port; `listen` returns which. */
  readonly port: number
  readonly roles: readonly Role[]
}

/**
 * `ws` and `wss`: MQTT over WebSocket, and the dashboard. TLS is 1.3 with certificates on both
 * sides; paths of PEM files, read again when they change.
 */
export type TlsListener = Place & {
  readonly kind: 'tls' | 'wss'
  /** The gateway's own, with what leads to its authority, and its key. */
  readonly certificate: string
  readonly key: string
  /** Who may sign the certificates of clients; several at once while one replaces another. */
  readonly clientAuthority: string
  /** optional: people's tools may come without one, devices and fleets may not. */
  readonly clientCertificate: 'required' | 'optional'
  /** Certificates that their authority has taken back (CRL, RFC 5280). */
  readonly revocationList?: string | undefined
}

export type PlainListener = Place & { readonly kind: 'tcp' | 'ws' }

export type Listener = PlainListener | TlsListener

/** What a client has shown before its CONNECT, where it had to show a certificate. */
export type PeerCertificate = {
  /** The common name; undefined when the client came without a certificate. */
  readonly name: string | undefined
}

/** What a client shows of itself in its CONNECT. */
export type ConnectRequest = {
  readonly clientId: string
  readonly username: string | undefined
  readonly password: Uint8Array | undefined
  /** `address:port` of the peer. */
  readonly remote: string
  /** Undefined at a listener that asks for no certificates. */
  readonly certificate?: PeerCertificate | undefined
  /** Where the page in a browser came from that connects; undefined for every other program. */
  readonly origin?: string | undefined
}

/**
 * Why a login is refused. The first three have CONNACK codes of their own (2, 3, 4); any other text
 * is sent as 5, not authorised, and appears in the log.
 */
export type Refusal = 'bad_client_id' | 'unavailable' | 'bad_credential' | (string & {})

/** The short way of one device's ticks, past topics and identities. */
export type TickLane = {
  /** `up/tick` of this device. */
  readonly topic: string
  /** Takes the ticks in `bytes[start, end)`, which are only valid until it returns. */
  readonly take: (bytes: Uint8Array, start: number, end: number) => void
}

export type BrokerHandlers = {
  /**
   * Decides who a client is from its CONNECT alone, before any session is taken over. Runs within
   * the CONNECT deadline.
   */
  readonly authenticate: (
    request: ConnectRequest,
  ) => Promise<Identity | { readonly refused: Refusal }>
  /** The access rule; `subscribe` is asked about the filter, `receive` about each message. */
  readonly mayAccess: (identity: Identity, action: Action, topic: string) => boolean
  /**
   * A message for the gateway; never one of a topic that is relayed. `done` sends the PUBACK, after
   * those of all messages before it. `payload` is only valid until `onMessage` returns.
   */
  readonly onMessage: (
    identity: Identity,
    sessionId: string,
    topic: string,
    payload: Uint8Array,
    done: () => void,
  ) => void
  /** A message on a topic that the access rule keeps from who sent it; its session is cut off. */
  readonly onForeign?: (identity: Identity, topic: string) => void
  /** Asked once when a session opens; its ticks then go this way. */
  readonly openLane?: (identity: Identity, sessionId: string) => TickLane | undefined
  /** Runs `run` when everything taken so far is durable; present when `openLane` is. */
  readonly whenDurable?: (run: () => void) => void
  /**
   * Number of the batch that is forming: all messages taken while it is the same become durable
   * together.
   */
  readonly batch?: () => number
  /** The CONNACK was sent. */
  readonly onConnected: (identity: Identity, sessionId: string) => void
  /** The session ended, or another connection of the same identity has taken its place. */
  readonly onDisconnected: (identity: Identity, sessionId: string) => void
}

export type PublishMode = {
  readonly retain: boolean
  /**
   * A message waiting for a subscriber under the same key is replaced by this one. Retained
   * messages replace those of their topic without being told.
   */
  readonly replaces?: string
  /**
   * Only this session gets it, if it subscribed and may receive it; others of its device do not.
   */
  readonly sessionId?: string
}

export type SessionInfo = {
  readonly id: string
  readonly identity: Identity
  readonly remote: string
  /** Messages that wait for their acknowledgement. */
  readonly inFlight: number
  /** Messages that wait to be sent. */
  readonly queued: number
}

export type Broker = {
  /**
   * Opens the listeners and returns their ports, in order.
   * @throws OperatorError when one cannot be opened; those before it are closed again
   */
  readonly listen: (listeners: readonly Listener[]) => Promise<readonly number[]>
  /** Sends to all sessions that subscribed and may receive it. */
  readonly publish: (topic: string, payload: Uint8Array, mode: PublishMode) => void
  /**
   * Retains what `make` makes, which is asked when somebody subscribes and, if somebody has, now.
   */
  readonly offer: (topic: string, make: Make) => void
  /**
   * Closes a session after what was sent to it has left and its messages in flight were dealt with,
   * within a second; its last will is published.
   */
  readonly disconnect: (sessionId: string, reason: string) => void
  readonly sessions: () => readonly SessionInfo[]
  readonly counters: () => Readonly<BrokerCounters>
  /**
   * Refuses new connections, takes no more messages, and closes all sessions and listeners as
   * `disconnect` does. No last wills are published.
   */
  readonly close: () => Promise<void>
}

export type BrokerCounters = {
  /** Now open, logged in or not. */
  connections: number
  /** Now subscribed, over all sessions. */
  filters: number
  /** Topics with a retained message now. */
  retained: number
  connectsAccepted: number
  messagesIn: number
  messagesOut: number
  /** Outgoing messages that gave way to a newer one. */
  messagesReplaced: number
  /** Times that reading from a client was paused because it sent too fast. */
  pauses: number
  takeovers: number
  /** Connections closed by the broker, and logins refused, by reason. */
  readonly closed: Record<string, number>
  readonly refused: Record<string, number>
}

export function newCounters(): BrokerCounters {
  return {
    connections: 0,
    filters: 0,
    retained: 0,
    connectsAccepted: 0,
    messagesIn: 0,
    messagesOut: 0,
    messagesReplaced: 0,
    pauses: 0,
    takeovers: 0,
    closed: {},
    refused: {},
  }
}

/** Adds one to a reason's count. */
export function countReason(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1
}

/** CONNACK return code (MQTT 3.1.1 section 3.2.2.3) for a refusal. */
export function connackCode(refusal: Refusal): number {
  if (refusal === 'bad_client_id') return 2
  if (refusal === 'unavailable') return 3
  return refusal === 'bad_credential' ? 4 : 5
}

export function roleOf(identity: Identity): Role {
  if (identity.kind === 'fleet' || identity.kind === 'reader') return identity.kind
  return 'device'
}
