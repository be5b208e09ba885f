/**
 * The network of virtual time in good weather: each message takes the same time, and a test may
 * lose single ones.
 * @module
 */
import type { ClientLink } from '../../gateway/core.ts'
import type { Connector, Timers } from '../../ports/index.ts'
import { type BrokerSide, type Direction, virtualNetwork } from './virtualNetwork.ts'

export type Delivery = { readonly topic: string; readonly payload: Uint8Array }

export type VirtualBroker = {
  readonly link: ClientLink
  readonly connect: Connector
  /** Puts a gateway behind the broker. */
  readonly serve: (side: BrokerSide) => void
  /** The gateway is gone with all that it retained: connections close, new ones are refused. */
  readonly stop: () => void
  readonly retained: ReadonlyMap<string, Uint8Array>
  /** Return true to lose a message. */
  lose: (direction: Direction, delivery: Delivery) => boolean
  /** Messages that clients sent, by topic name (the last level). */
  readonly sent: Map<string, number>
}

/** Every message arrives at one speed, so no clock is needed to keep them in order. */
const standingClock = { nowMs: () => 0, monotonicMs: () => 0 }

export function virtualBroker(timers: Timers, latencyMs: number): VirtualBroker {
  const sent = new Map<string, number>()
  const count = (topic: string) => {
    const name = topic.slice(topic.lastIndexOf('/') + 1)
    sent.set(name, (sent.get(name) ?? 0) + 1)
  }
  const network = virtualNetwork(
    { clock: standingClock, timers },
    {
      hopMs: latencyMs,
      weather: (direction, topic, payload) =>
        broker.lose(direction, { topic, payload }) ? [] : [latencyMs],
      onLost: () => undefined,
      tap: { sent: count, arrives: () => undefined, handle: (_id, _topic, _payload, run) => run() },
    },
  )
  const { link, connect, serve, stop, retained } = network
  const broker: VirtualBroker = { link, connect, serve, stop, retained, sent, lose: () => false }
  return broker
}
