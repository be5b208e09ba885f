/**
 * Acknowledgements of one client's messages, sent in the order the messages came in (MQTT 3.1.1
 * section 4.6) although they are dealt with in any order.
 * @module
 */

export type Acks = {
  /** Holds `acknowledge` back until the returned function was called and all before it are sent. */
  readonly expect: (acknowledge: () => void) => () => void
  /** Messages that are not acknowledged yet. */
  readonly waiting: () => number
  /** Drops what is waiting: the client is gone. */
  readonly clear: () => void
}

type Held = { readonly acknowledge: () => void; done: boolean }

export function createAcks(): Acks {
  const held: Held[] = []
  const release = () => {
    for (let first = held[0]; first?.done; first = held[0]) {
      held.shift()
      first.acknowledge()
    }
  }
  return {
    expect: (acknowledge) => {
      const one: Held = { acknowledge, done: false }
      held.push(one)
      return () => {
        if (one.done) return
        one.done = true
        release()
      }
    },
    waiting: () => held.length,
    clear: () => {
      held.length = 0
    },
  }
}
