/**
 * Sends ticks: all meters' newest in one message, within the limits on messages. Nothing queues:
 * what could not leave is replaced by what is newer.
 * @module
 */
import type { Cancel, Clock, Timers } from '../ports/index.ts'
import { TICKS_PER_MESSAGE_MAX } from '../protocol/limits.ts'
import type { Tick } from '../protocol/tick.ts'
import { encodeTicks } from '../protocol/tick.ts'

/** Leaves room among the gateway's 50 messages a second for commitments. */
const MESSAGES_PER_SECOND_MAX = 40
const SPACING_MS = 1_000 / MESSAGES_PER_SECOND_MAX
/** Meters are read together, and answer one after the other: their ticks leave together. */
const GATHER_MS = 20
/** Leaves room among the 16 messages that may be in flight. */
const IN_FLIGHT_MAX = 12

export type TickSender = {
  /** Replaces whatever was to be sent for this slot. */
  readonly show: (slot: number, ticks: readonly Tick[]) => void
  /** Nothing is to be sent for this slot any more. */
  readonly forget: (slot: number) => void
  /** The connection ended: its messages will not be answered. */
  readonly reset: () => void
}

/**
 * `publish` resolves when the broker has dealt with the message, and rejects with the connection.
 */
export function createTickSender(
  ports: { readonly clock: Clock; readonly timers: Timers },
  publish: (payload: Uint8Array) => Promise<void>,
): TickSender {
  const waiting = new Map<number, readonly Tick[]>()
  const slots = new Set<number>()
  let inFlight = 0
  let connection = 0
  let isScheduled = false
  let sentMs = Number.NEGATIVE_INFINITY
  let cancel: Cancel = () => undefined

  const schedule = () => {
    if (isScheduled || waiting.size === 0 || inFlight >= IN_FLIGHT_MAX) return
    isScheduled = true
    const spacedMs = sentMs + SPACING_MS - ports.clock.monotonicMs()
    const waitMs = slots.size > 1 ? Math.max(GATHER_MS, spacedMs) : spacedMs
    if (waitMs > 0) cancel = ports.timers.after(waitMs, flush)
    else ports.timers.soon(flush)
  }
  const flush = () => {
    isScheduled = false
    if (waiting.size === 0 || inFlight >= IN_FLIGHT_MAX) return
    sentMs = ports.clock.monotonicMs()
    inFlight += 1
    const sentOn = connection
    const done = () => {
      if (sentOn !== connection) return
      inFlight -= 1
      schedule()
    }
    publish(encodeTicks(takeTicks(waiting))).then(done, done)
    schedule()
  }
  return {
    show: (slot, ticks) => {
      waiting.set(slot, ticks)
      slots.add(slot)
      schedule()
    },
    forget: (slot) => {
      waiting.delete(slot)
    },
    reset: () => {
      cancel()
      waiting.clear()
      slots.clear()
      inFlight = 0
      connection += 1
      isScheduled = false
    },
  }
}

/** As many whole slots as one message carries; the rest stays. */
function takeTicks(waiting: Map<number, readonly Tick[]>): Tick[] {
  const message: Tick[] = []
  for (const [slot, ticks] of waiting) {
    if (message.length + ticks.length > TICKS_PER_MESSAGE_MAX) break
    message.push(...ticks)
    waiting.delete(slot)
  }
  return message
}
