/**
 * Retained messages, kept by fleet and by device, so that a subscription does not look through the
 * topics of all the others.
 * @module
 */
import { literalPrefix, matchesFilter } from './filterIndex.ts'

/** `tickpay/1/{fleet}` */
const FLEET_LEVELS = 3
/** `tickpay/1/{fleet}/{device}` */
const DEVICE_LEVELS = 4

/**
 * Makes a message when somebody is there to read it, and hands it over when what it says is
 * durable: kept ready, the reports of a million channels took 600 MB.
 */
export type Make = (hand: (payload: Uint8Array) => void) => void

/** What is kept under a topic. */
export type Held = Uint8Array | Make

export type Retained = {
  /** An empty payload removes; false when there is no room for another topic. */
  readonly set: (topic: string, held: Held) => boolean
  readonly get: (topic: string) => Held | undefined
  /** Topics that match any of the filters, each once. */
  readonly match: (filters: readonly string[]) => Iterable<string>
  readonly size: () => number
}

type Messages = Map<string, Held>
type Fleets = Map<string, Map<string, Messages>>

export function createRetained(topicsMax: number): Retained {
  const fleets: Fleets = new Map()
  let size = 0

  const find = (topic: string): Messages | undefined =>
    fleets.get(levels(topic, FLEET_LEVELS))?.get(levels(topic, DEVICE_LEVELS))

  const remove = (topic: string) => {
    const messages = find(topic)
    if (!messages?.delete(topic)) return
    size -= 1
    if (messages.size > 0) return
    const fleet = fleets.get(levels(topic, FLEET_LEVELS))
    fleet?.delete(levels(topic, DEVICE_LEVELS))
    if (fleet?.size === 0) fleets.delete(levels(topic, FLEET_LEVELS))
  }

  const set = (topic: string, held: Held): boolean => {
    if (typeof held !== 'function' && held.length === 0) {
      remove(topic)
      return true
    }
    const known = find(topic)?.has(topic) ?? false
    if (!known && size >= topicsMax) return false
    if (!known) size += 1
    const fleet = child(fleets, levels(topic, FLEET_LEVELS), () => new Map<string, Messages>())
    const messages = child(fleet, levels(topic, DEVICE_LEVELS), () => new Map())
    messages.set(topic, typeof held === 'function' ? held : new Uint8Array(held))
    return true
  }

  return {
    set,
    get: (topic) => find(topic)?.get(topic),
    match: (filters) => matching(fleets, filters),
    size: () => size,
  }
}

function* matching(fleets: Fleets, filters: readonly string[]): Iterable<string> {
  for (const [place, filter] of filters.entries()) {
    const earlier = filters.slice(0, place)
    for (const messages of messagesFor(fleets, filter)) {
      for (const topic of messages.keys()) {
        if (!matchesFilter(filter, topic)) continue
        if (!earlier.some((one) => matchesFilter(one, topic))) yield topic
      }
    }
  }
}

function* messagesFor(fleets: Fleets, filter: string): Iterable<Messages> {
  const prefix = literalPrefix(filter)
  // What follows the last slash before a wildcard is no whole level.
  const fixed = prefix.split('/').length - (prefix === filter ? 0 : 1)
  const fleet = fleets.get(levels(filter, FLEET_LEVELS))
  if (fixed >= DEVICE_LEVELS) {
    const messages = fleet?.get(levels(filter, DEVICE_LEVELS))
    if (messages) yield messages
  } else if (fixed === FLEET_LEVELS) {
    yield* fleet?.values() ?? []
  } else {
    for (const any of fleets.values()) yield* any.values()
  }
}

function levels(topic: string, count: number): string {
  return topic.split('/', count).join('/')
}

function child<T>(parent: Map<string, T>, key: string, make: () => T): T {
  const known = parent.get(key)
  if (known !== undefined) return known
  const made = make()
  parent.set(key, made)
  return made
}
