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

const ALONE = 0
const TOGETHER = 1
const SETTLED = 2

export function createPubacks({ send, onSent }: PubacksOptions): Pubacks {
  let ids = new Uint16Array(PLACES_MIN)
  let states = new Uint8Array(PLACES_MIN)
  /** Tickets of the oldest message that waits, and of the next one to come. */
  let head = 0
  let tail = 0

  const take = (packetId: number, state: number): number => {
    if (tail - head === ids.length) grow()
    const place = tail & (ids.length - 1)
    ids[place] = packetId
    states[place] = state
    return tail++
  }

  const grow = () => {
    const [oldIds, oldStates, mask] = [ids, states, ids.length - 1]
    ids = new Uint16Array(2 * oldIds.length)
    states = new Uint8Array(ids.length)
    for (let ticket = head; ticket < tail; ticket++) {
      ids[ticket & (ids.length - 1)] = oldIds[ticket & mask] ?? 0
      states[ticket & (ids.length - 1)] = oldStates[ticket & mask] ?? 0
    }
  }

  const release = () => {
    const mask = ids.length - 1
    const first = head
    while (head < tail && states[head & mask] === SETTLED) send(ids[head++ & mask] ?? 0)
    if (head > first) onSent()
  }

  return {
    expect: (packetId) => take(packetId, ALONE),
    expectTogether: (packetId) => take(packetId, TOGETHER),
    settle: (ticket) => {
      if (ticket < head || ticket >= tail) return
      states[ticket & (ids.length - 1)] = SETTLED
      release()
    },
    settleTogether: (from, end) => {
      const mask = ids.length - 1
      for (let ticket = Math.max(from, head); ticket < Math.min(end, tail); ticket++) {
        if (states[ticket & mask] === TOGETHER) states[ticket & mask] = SETTLED
      }
      release()
    },
    waiting: () => tail - head,
    clear: () => {
      head = tail
    },
  }
}
