/**
 * The devices behind an external broker. Nobody logs in here: a session begins with the first
 * message on a topic of an enrolled device, and ends when the device or its last will says so, when
 * the connection to the broker breaks, or after a long silence.
 * @module
 */
import type { Identity } from '../../protocol/access.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import type { TickLane } from '../broker/broker.ts'
import type { TokenBucket } from '../broker/tokenBucket.ts'
import { fullBucket } from '../broker/tokenBucket.ts'
import type { BridgeLimits } from './limits.ts'

export type Peer = {
  readonly identity: Extract<Identity, { kind: 'device' }>
  /** `fleet/device` */
  readonly name: string
  /** Of the session, while there is one. */
  sessionId: string | undefined
  /** The short way of its ticks, once the session had one. */
  lane: TickLane | undefined
  readonly messages: TokenBucket
  readonly hellos: TokenBucket
  /** Monotonic time of its last message. */
  heardMs: number
}

export type PeerEvents = {
  readonly onConnected: (identity: Identity, sessionId: string) => void
  readonly onDisconnected: (identity: Identity, sessionId: string) => void
}

export type Peers = {
  /** The device, if it is one of this gateway's. */
  readonly find: (fleet: string, device: string, nowMs: number) => Peer | undefined
  /** The session of a peer; a new one if it has none. */
  readonly sessionOf: (peer: Peer) => string
  readonly end: (peer: Peer) => void
  /** Ends all sessions, and returns whose they were. */
  readonly endAll: () => readonly Peer[]
  /** Ends the sessions of those not heard of since `sinceMs`, and returns them. */
  readonly endSilent: (sinceMs: number) => readonly Peer[]
  /** Sessions now open. */
  readonly online: () => number
}

export function createPeers(
  limits: BridgeLimits,
  isEnrolled: (fleet: string, device: string) => boolean,
  events: PeerEvents,
): Peers {
  const peers = new Map<string, Peer>()
  let sessions = 0
  let online = 0

  const find: Peers['find'] = (fleet, device, nowMs) => {
    const name = clientIdOf(fleet, device)
    const known = peers.get(name)
    if (known) return known
    if (!isEnrolled(fleet, device)) return undefined
    // Only devices of one's own are remembered: nobody else can fill this.
    if (peers.size >= limits.devicesMax) forgetOffline(peers)
    if (peers.size >= limits.devicesMax) return undefined
    const peer: Peer = {
      identity: { kind: 'device', fleet, device },
      name,
      sessionId: undefined,
      lane: undefined,
      messages: fullBucket(limits.messagesPerSecond, limits.messagesBurst, nowMs),
      hellos: fullBucket(limits.hellosPerSecond, limits.hellosBurst, nowMs),
      heardMs: nowMs,
    }
    peers.set(name, peer)
    return peer
  }

  const end = (peer: Peer) => {
    const { identity, sessionId } = peer
    if (sessionId === undefined) return
    peer.sessionId = undefined
    peer.lane = undefined
    online -= 1
    events.onDisconnected(identity, sessionId)
  }

  const endThose = (isMeant: (peer: Peer) => boolean): readonly Peer[] => {
    const ended = [...peers.values()].filter((peer) => peer.sessionId && isMeant(peer))
    for (const peer of ended) end(peer)
    return ended
  }

  return {
    find,
    sessionOf: (peer) => {
      if (peer.sessionId !== undefined) return peer.sessionId
      sessions += 1
      online += 1
      peer.sessionId = `${peer.name}#${sessions}`
      events.onConnected(peer.identity, peer.sessionId)
      return peer.sessionId
    },
    end,
    endAll: () => endThose(() => true),
    endSilent: (sinceMs) => endThose(({ heardMs }) => heardMs < sinceMs),
    online: () => online,
  }
}

function forgetOffline(peers: Map<string, Peer>): void {
  for (const [name, { sessionId }] of peers) if (sessionId === undefined) peers.delete(name)
}
