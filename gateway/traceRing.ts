/**
 * The last events of one device. All room is taken with the first event, 3.4 KB, so that memory
 * does not grow for as long as events come; as objects full ones took 7 KB.
 * @module
 */

/** Events remembered of a device; the oldest gives way. */
export const TRACE_EVENTS_MAX = 64

type Happened =
  | { readonly what: 'refused'; readonly kind: string; readonly reason: string }
  | { readonly what: 'committed'; readonly epoch: number }
  | { readonly what: 'connected' | 'disconnected' }

export type TraceEvent = Happened & {
  readonly slot?: number
}

export type Traced = {
  /** Rises with every event of the gateway, and when one is seen again. */
  readonly sequence: number
  readonly event: TraceEvent
  readonly firstSeconds: number
  readonly lastSeconds: number
  /** The same, one after the other, is one event. */
  readonly times: number
}

export type TraceRing = {
  readonly keep: (event: TraceEvent, sequence: number, nowSeconds: number) => void
  /** Oldest first, those after `sequence`. */
  readonly after: (sequence: number) => readonly Traced[]
}

/** Sequences and times are whole numbers below 2^53. */
export function createTraceRing(): TraceRing {
  const events = new Array<TraceEvent | undefined>(TRACE_EVENTS_MAX).fill(undefined)
  const sequences = new Float64Array(TRACE_EVENTS_MAX)
  const firstSeconds = new Float64Array(TRACE_EVENTS_MAX)
  const lastSeconds = new Float64Array(TRACE_EVENTS_MAX)
  const times = new Uint32Array(TRACE_EVENTS_MAX)
  let kept = 0
  const at = (place: number): Traced | undefined => {
    const event = events[place]
    return (
      event && {
        sequence: sequences[place] ?? 0,
        event,
        firstSeconds: firstSeconds[place] ?? 0,
        lastSeconds: lastSeconds[place] ?? 0,
        times: times[place] ?? 0,
      }
    )
  }
  return {
    keep: (event, sequence, nowSeconds) => {
      const newest = (kept + TRACE_EVENTS_MAX - 1) % TRACE_EVENTS_MAX
      const last = events[newest]
      const isAgain = last !== undefined && isSame(last, event)
      const place = isAgain ? newest : kept % TRACE_EVENTS_MAX
      if (!isAgain) {
        events[place] = shared(event)
        firstSeconds[place] = nowSeconds
        times[place] = 0
        kept += 1
      }
      sequences[place] = sequence
      lastSeconds[place] = nowSeconds
      times[place] = (times[place] ?? 0) + 1
    },
    after: (sequence) => {
      const places = Array.from(events, (_, place) => (kept + place) % TRACE_EVENTS_MAX)
      return places.flatMap((place) => {
        const one = at(place)
        return one && one.sequence > sequence ? [one] : []
      })
    },
  }
}

const connected = { what: 'connected' } as const
const disconnected = { what: 'disconnected' } as const

/** What comes most often says nothing beyond its name: one object serves all devices. */
function shared(event: TraceEvent): TraceEvent {
  if (event.slot !== undefined) return event
  if (event.what === 'connected') return connected
  return event.what === 'disconnected' ? disconnected : event
}

function isSame(a: TraceEvent, b: TraceEvent): boolean {
  if (a.what === 'refused' && b.what === 'refused') {
    return a.kind === b.kind && a.reason === b.reason && a.slot === b.slot
  }
  return a.what === b.what && a.what !== 'committed'
}
