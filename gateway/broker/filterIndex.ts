/**
 * Which subscribers a topic concerns (MQTT 3.1.1 section 4.7). Filters are kept under their levels
 * before the first wildcard, so that a topic looks at one place per level and never at the filters
 * of other devices.
 * @module
 */

/** True when `filter` (well-formed) matches `topic`. */
export function matchesFilter(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [place, level] of wanted.entries()) {
    if (level === '#') return true
    const actual = levels[place]
    if (actual === undefined || (level !== '+' && level !== actual)) return false
  }
  return wanted.length === levels.length
}

/** The levels before the first wildcard, with a trailing slash when there is a wildcard. */
export function literalPrefix(filter: string): string {
  const wildcard = filter.search(/[+#]/)
  return wildcard === -1 ? filter : filter.slice(0, wildcard)
}

export type FilterIndex<T> = {
  readonly add: (filter: string, subscriber: T) => void
  readonly remove: (filter: string, subscriber: T) => void
  /**
   * Calls `onMatch` for each filter that matches; a subscriber with several is met several times.
   */
  readonly match: (topic: string, onMatch: (subscriber: T, filter: string) => void) => void
  /** Filters held, over all subscribers. */
  readonly size: () => number
}

type Slot<T> = Map<string, Set<T>>

export function createFilterIndex<T>(): FilterIndex<T> {
  const slots = new Map<string, Slot<T>>()
  let size = 0

  const add = (filter: string, subscriber: T) => {
    const place = placeOf(filter)
    const slot = slots.get(place) ?? new Map<string, Set<T>>()
    const subscribers = slot.get(filter) ?? new Set<T>()
    if (!subscribers.has(subscriber)) size += 1
    slots.set(place, slot.set(filter, subscribers.add(subscriber)))
  }

  const remove = (filter: string, subscriber: T) => {
    const place = placeOf(filter)
    const slot = slots.get(place)
    const subscribers = slot?.get(filter)
    if (!slot || !subscribers?.delete(subscriber)) return
    size -= 1
    if (subscribers.size === 0) slot.delete(filter)
    if (slot.size === 0) slots.delete(place)
  }

  const match = (topic: string, onMatch: (subscriber: T, filter: string) => void) => {
    for (const place of placesOf(topic)) {
      for (const [filter, subscribers] of slots.get(place) ?? []) {
        if (!matchesFilter(filter, topic)) continue
        for (const subscriber of subscribers) onMatch(subscriber, filter)
      }
    }
  }

  return { add, remove, match, size: () => size }
}

/** Filters without a wildcard have a place of their own. */
function placeOf(filter: string): string {
  const prefix = literalPrefix(filter)
  return prefix === filter ? `=${filter}` : prefix
}

/** Every place where a matching filter can be kept, each once; `a/#` also matches `a`. */
function* placesOf(topic: string): Iterable<string> {
  yield ''
  for (let at = topic.indexOf('/'); at !== -1; at = topic.indexOf('/', at + 1)) {
    yield topic.slice(0, at + 1)
  }
  yield `${topic}/`
  yield `=${topic}`
}
