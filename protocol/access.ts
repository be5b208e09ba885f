/**
 * Who may do what with which topic: a pure function, deny by default.
 * @module
 */
import type { Topic } from './topics.ts'
import { isBoundedTopic, parseTopic, TOPIC_ROOT } from './topics.ts'

/**
 * What a person's tool may do: read, pause and resume, or bring what the fleet has signed, which is
 * believed for its signature and not for who brings it.
 */
export const rights = ['read', 'supply', 'command'] as const
export type Right = (typeof rights)[number]

export type Identity =
  | { readonly kind: 'device'; readonly fleet: string; readonly device: string }
  /** A device whose Connect had a good signature and a bad time. */
  | { readonly kind: 'stale_clock'; readonly fleet: string; readonly device: string }
  /** A device that belongs to nobody yet, with a claim for its serial number. */
  | { readonly kind: 'claimant'; readonly fleet: string; readonly serial: string }
  /** The fleet's own service, signed in with its signer key. */
  | { readonly kind: 'fleet'; readonly fleet: string }
  /** A person's tool with a static credential. */
  | {
      readonly kind: 'reader'
      readonly fleet: string
      readonly name: string
      readonly rights: readonly Right[]
    }

/** `receive` is asked again for every message that would be delivered. */
export type Action = 'publish' | 'subscribe' | 'receive'

/** Verbs that a static credential with the right `supply` may request unsigned. */
const supplyVerbs = ['pause', 'resume'] as const
/** Verbs that change nothing. */
const readVerbs = ['list', 'get', 'policy', 'export'] as const

/** May `identity` do `action` with `topic` (for `subscribe`: a filter)? */
export function mayAccess(identity: Identity, action: Action, topic: string): boolean {
  if (!isBoundedTopic(topic)) return false
  if (identity.kind === 'stale_clock') return mayStaleClock(identity, action, topic)
  if (identity.kind === 'claimant') return mayClaimant(identity, action, topic)
  if (identity.kind === 'device') return mayDevice(identity, action, topic)
  return mayFleet(identity, action, topic)
}

/** It asks with `hello`, is told the time, and has to log in again. */
function mayStaleClock(
  own: { readonly fleet: string; readonly device: string },
  action: Action,
  topic: string,
): boolean {
  const prefix = `${TOPIC_ROOT}/${own.fleet}/${own.device}/`
  if (action === 'publish') return topic === `${prefix}up/hello`
  if (action === 'subscribe' && topic === `${prefix}down/+`) return true
  return topic === `${prefix}down/welcome`
}

/** It asks on one topic and hears the answer on another, both of its own serial number. */
function mayClaimant(
  own: { readonly fleet: string; readonly serial: string },
  action: Action,
  text: string,
): boolean {
  const topic = parseTopic(text)
  const wanted = action === 'publish' ? 'enrol' : 'enrolled'
  return topic?.kind === wanted && topic.fleet === own.fleet && topic.serial === own.serial
}

function mayDevice(
  own: { readonly fleet: string; readonly device: string },
  action: Action,
  text: string,
): boolean {
  const prefix = `${TOPIC_ROOT}/${own.fleet}/${own.device}/`
  if (action === 'subscribe' && text === `${prefix}down/+`) return true
  const topic = parseTopic(text)
  if (!topic || !('device' in topic)) return false
  if (topic.fleet !== own.fleet || topic.device !== own.device) return false
  if (action === 'publish') return topic.kind === 'up' || topic.kind === 'deviceState'
  return topic.kind === 'down'
}

function mayFleet(
  own: Extract<Identity, { kind: 'fleet' | 'reader' }>,
  action: Action,
  text: string,
): boolean {
  if (action !== 'publish' && !mayRead(own)) return false
  if (action === 'subscribe') return isFilterWithin(own.fleet, text)
  const topic = parseTopic(text)
  if (!topic) return false
  if (action === 'receive') return mayFleetReceive(own.fleet, topic)
  return topic.kind === 'request' && topic.fleet === own.fleet && mayRequest(own, topic.verb)
}

function mayRead(own: Extract<Identity, { kind: 'fleet' | 'reader' }>): boolean {
  return own.kind === 'fleet' || own.rights.includes('read')
}

const betweenMachines: ReadonlySet<Topic['kind']> = new Set(['up', 'down', 'enrol', 'enrolled'])

/** Device topics below `up` and `down`, and enrolment, are for the two machines alone. */
function mayFleetReceive(fleet: string, topic: Topic): boolean {
  if (topic.kind === 'gateway') return true
  return topic.fleet === fleet && !betweenMachines.has(topic.kind)
}

/** A filter that can match nothing outside the fleet's tree or the gateways' public state. */
function isFilterWithin(fleet: string, filter: string): boolean {
  const levels = filter.split('/')
  const wellPlaced = levels.every((level, place) => {
    if (level.includes('#')) return level === '#' && place === levels.length - 1
    return !level.includes('+') || level === '+'
  })
  if (!wellPlaced) return false
  return (
    filter.startsWith(`${TOPIC_ROOT}/${fleet}/`) || filter.startsWith(`${TOPIC_ROOT}/_gateway/`)
  )
}

function mayRequest(own: Extract<Identity, { kind: 'fleet' | 'reader' }>, verb: string): boolean {
  if (own.kind === 'fleet' || own.rights.includes('command')) return true
  if (supplyVerbs.some((one) => one === verb)) return own.rights.includes('supply')
  return readVerbs.some((one) => one === verb) && mayRead(own)
}
