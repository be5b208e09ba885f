/**
 * Messages waiting for one client. It is bounded, and a newer state drives out an older one that
 * has not left yet: a slow reader gets fewer messages, and none that contradicts a later one.
 * @module
 */
import { assert } from '../../protocol/assert.ts'

export type Outgoing = {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  /** A waiting message with the same key is replaced by this one. */
  readonly replaces: string | undefined
}

export type Outbox = {
  readonly push: (message: Outgoing) => 'queued' | 'replaced' | 'full'
  readonly shift: () => Outgoing | undefined
  readonly length: () => number
  /** Forgets what waits. */
  readonly clear: () => void
}

/** Payload bytes that wait in all outboxes, and how many may. */
export type Waiting = { bytes: number; readonly bytesMax: number }

const unbounded = () => ({ bytes: 0, bytesMax: Number.POSITIVE_INFINITY })

export function createOutbox(messagesMax: number, all: Waiting = unbounded()): Outbox {
  // A Map keeps the order of insertion; a key that is deleted first goes to the end.
  const waiting = new Map<string | number, Outgoing>()
  let next = 0
  return {
    push: (message) => {
      const key = message.replaces ?? next++
      const before = waiting.get(key)
      const replaced = before !== undefined
      const bytes = message.payload.length - (before?.payload.length ?? 0)
      if (!replaced && waiting.size >= messagesMax) return 'full'
      if (bytes > 0 && all.bytes + bytes > all.bytesMax) return 'full'
      all.bytes += bytes
      waiting.delete(key)
      waiting.set(key, message)
      assert(waiting.size <= messagesMax, 'an outbox is bounded')
      return replaced ? 'replaced' : 'queued'
    },
    shift: () => {
      for (const [key, message] of waiting) {
        waiting.delete(key)
        all.bytes -= message.payload.length
        return message
      }
      return undefined
    },
    length: () => waiting.size,
    clear: () => {
      for (const { payload } of waiting.values()) all.bytes -= payload.length
      waiting.clear()
    },
  }
}
