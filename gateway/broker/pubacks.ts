/**
 * Acknowledgements of one client's messages, sent in the order the messages came in (MQTT 3.1.1
 * section 4.6) although they are dealt with in any order. Numbers in a ring: thousands of messages
 * wait at a time, and none of them needs an object.
 * @module
 */

export type Pubacks = {
  /** Takes the next message in; returns the ticket to `settle` it with. */
  readonly expect: (packetId: number) => number
  /** As `expect`, for one that `settleTogether` settles. */
  readonly expectTogether: (packetId: number) => number
  /** The message was dealt with; a second time changes nothing. */
  readonly settle: (ticket: number) => void
  /** Those of tickets `[from, end)` that were taken by `expectTogether` were dealt with. */
  readonly settleTogether: (from: number, end: number) => void
  /** Messages that are not acknowledged yet. */
  readonly waiting: () => number
  /** Drops what is waiting: the client is gone. */
  readonly clear: () => void
}

export type PubacksOptions = {
  /** Sends the acknowledgement of a message. */
  readonly send: (packetId: number) => void
  /** Some were sent. */
  readonly onSent: () => void
}

/** Most clients have one message on its way. */
const PLACES_MIN = 4

/** A place holds a packet id, and above it how its message is settled. */
const ID_MASK = 0xffff
const ALONE = 0
const TOGETHER = 1 << 16
const SETTLED = 2 << 16

export function createPubacks({ send, onSent }: PubacksOptions): Pubacks {
  let places = new Uint32Array(PLACES_MIN)
  /** Tickets of the oldest message that waits, and of the next one to come. */
  let head = 0
  let tail = 0

  const take = (packetId: number, state: number): number => {
    if (tail - head === places.length) grow()
    places[tail & (places.length - 1)] = packetId | state
    return tail++
  }

  const grow = () => {
    const old = places
    places = new Uint32Array(2 * old.length)
    for (let ticket = head; ticket < tail; ticket++) {
      places[ticket & (places.length - 1)] = old[ticket & (old.length - 1)] ?? 0
    }
  }

  const release = () => {
    const first = head
    for (; head < tail; head++) {
      const place = places[head & (places.length - 1)] ?? 0
      if (place < SETTLED) break
      send(place & ID_MASK)
    }
    if (head > first) onSent()
  }

  return {
    expect: (packetId) => take(packetId, ALONE),
    expectTogether: (packetId) => take(packetId, TOGETHER),
    settle: (ticket) => {
      if (ticket < head || ticket >= tail) return
      const at = ticket & (places.length - 1)
      places[at] = ((places[at] ?? 0) & ID_MASK) | SETTLED
      release()
    },
    settleTogether: (from, end) => {
      const last = Math.min(end, tail)
      for (let ticket = Math.max(from, head); ticket < last; ticket++) {
        const at = ticket & (places.length - 1)
        const place = places[at] ?? 0
        if (place >= TOGETHER && place < SETTLED) places[at] = (place & ID_MASK) | SETTLED
      }
      release()
    },
    waiting: () => tail - head,
    clear: () => {
      head = tail
    },
  }
}
