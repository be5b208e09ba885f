/**
 * What a topic of an external broker means here. Topics repeat, so their meaning is remembered, but
 * only of those that concern this gateway: nobody else can fill the memory.
 * @module
 */
import type { Identity } from '../../protocol/access.ts'
import type { UpName } from '../../protocol/topics.ts'
import { parseTopic, TOPIC_ROOT } from '../../protocol/topics.ts'
import type { TokenBucket } from '../broker/tokenBucket.ts'
import { fullBucket } from '../broker/tokenBucket.ts'
import type { UnsignedRequest } from '../core.ts'
import type { BridgeLimits } from './limits.ts'
import type { Peer, Peers } from './peers.ts'

/** Everything that devices and fleets send; not shared: a channel's messages have one owner. */
export const filters: readonly string[] = [
  `${TOPIC_ROOT}/+/+/up/+`,
  `${TOPIC_ROOT}/+/+/state`,
  `${TOPIC_ROOT}/+/_/request/+`,
]

type FleetIdentity = Extract<Identity, { kind: 'fleet' | 'reader' }>

export type Route =
  /** What gateways say of themselves, this one too: it has the form of a device's state. */
  | { readonly kind: 'gateway' }
  | { readonly kind: 'up'; readonly topic: string; readonly peer: Peer; readonly name: UpName }
  | { readonly kind: 'state'; readonly fleet: string; readonly device: string }
  | {
      readonly kind: 'request'
      readonly topic: string
      readonly identity: FleetIdentity
      readonly bucket: TokenBucket
    }

export type RouteFinder = (topic: string, nowMs: number) => Route | undefined

export type RouteOptions = {
  readonly limits: BridgeLimits
  readonly peers: Peers
  readonly isFleet: (fleet: string) => boolean
  readonly unsigned: ReadonlySet<UnsignedRequest>
}

export function createRoutes(options: RouteOptions): RouteFinder {
  const { limits } = options
  const routes = new Map<string, Route>()
  const buckets = new Map<string, TokenBucket>()
  const bucketOf = (fleet: string, nowMs: number) => {
    const known = buckets.get(fleet)
    if (known) return known
    const bucket = fullBucket(limits.requestsPerSecond, limits.requestsBurst, nowMs)
    buckets.set(fleet, bucket)
    return bucket
  }
  return (topic, nowMs) => {
    const known = routes.get(topic)
    if (known) return known
    const route = readTopic(options, topic, nowMs, bucketOf)
    if (!route) return undefined
    if (route.kind === 'up' || route.kind === 'state') {
      if (routes.size >= limits.topicsMax) routes.clear()
      routes.set(topic, route)
    }
    return route
  }
}

function readTopic(
  { peers, isFleet, unsigned }: RouteOptions,
  text: string,
  nowMs: number,
  bucketOf: (fleet: string, nowMs: number) => TokenBucket,
): Route | undefined {
  const topic = parseTopic(text)
  if (topic?.kind === 'gateway') return { kind: 'gateway' }
  if (topic?.kind === 'up') {
    const peer = peers.find(topic.fleet, topic.device, nowMs)
    return peer && { kind: 'up', topic: text, peer, name: topic.name }
  }
  if (topic?.kind === 'deviceState') {
    const { fleet, device } = topic
    return peers.find(fleet, device, nowMs) && { kind: 'state', fleet, device }
  }
  if (topic?.kind !== 'request' || !isFleet(topic.fleet)) return undefined
  const identity = requester(topic.fleet, topic.verb, unsigned)
  return { kind: 'request', topic: text, identity, bucket: bucketOf(topic.fleet, nowMs) }
}

/** Verbs whose arguments are signed by the fleet: it does not matter who hands them in. */
const signedVerbs: readonly string[] = ['mandate']

/**
 * Who a request is from is the broker's word. That is enough for what is signed and for reading,
 * and for supply if the operator says so.
 */
function requester(
  fleet: string,
  verb: string,
  unsigned: ReadonlySet<UnsignedRequest>,
): FleetIdentity {
  if (signedVerbs.includes(verb)) return { kind: 'fleet', fleet }
  const maySupply = (verb === 'pause' || verb === 'resume') && unsigned.has(verb)
  return {
    kind: 'reader',
    fleet,
    name: 'broker',
    rights: maySupply ? ['read', 'supply'] : ['read'],
  }
}
