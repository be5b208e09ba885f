/**
 * What happened to each device lately and why: refusals, accepted commitments, sessions. In memory
 * and bounded; nothing is kept of a tick that was accepted.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue } from '../ports/configTypes.ts'
import type { Clock } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import type { VerbCall } from './control/verb.ts'
import type { Core } from './core.ts'
import { reportDevice } from './reports.ts'

/** Devices remembered; the one that was quiet for longest gives way. */
export const TRACE_DEVICES_MAX = 1_024
/** Events remembered of a device; the oldest gives way. */
export const TRACE_EVENTS_MAX = 64

type Happened =
  | { readonly what: 'refused'; readonly kind: string; readonly reason: string }
  | { readonly what: 'committed'; readonly epoch: number }
  | { readonly what: 'connected' | 'disconnected' }

export type TraceEvent = Happened & {
  readonly slot?: number
}

type Kept = {
  /** Rises with every event of the gateway, and when one is seen again. */
  sequence: number
  readonly event: TraceEvent
  readonly firstSeconds: number
  lastSeconds: number
  /** The same, one after the other, is one event. */
  times: number
}

export type Trace = {
  readonly note: (fleet: string, device: string, event: TraceEvent) => void
  /** Oldest first, those after `sequence`. */
  readonly of: (fleet: string, device: string, sequence: number) => readonly Kept[]
}

export function createTrace(clock: Pick<Clock, 'nowMs'>): Trace {
  const devices = new Map<string, Kept[]>()
  let sequence = 0
  return {
    note: (fleet, device, event) => {
      const name = `${fleet}/${device}`
      const events = devices.get(name) ?? []
      // What was noted last comes last, so that the first is the quietest.
      devices.delete(name)
      devices.set(name, events)
      const [quietest = ''] = devices.size > TRACE_DEVICES_MAX ? devices.keys() : []
      devices.delete(quietest)
      sequence += 1
      keep(events, event, sequence, Math.floor(clock.nowMs() / 1_000))
    },
    of: (fleet, device, after) =>
      (devices.get(`${fleet}/${device}`) ?? []).filter((one) => one.sequence > after),
  }
}

function keep(events: Kept[], event: TraceEvent, sequence: number, nowSeconds: number): void {
  const last = events.at(-1)
  if (last && isSame(last.event, event)) {
    last.sequence = sequence
    last.lastSeconds = nowSeconds
    last.times += 1
    return
  }
  events.push({ sequence, event, firstSeconds: nowSeconds, lastSeconds: nowSeconds, times: 1 })
  if (events.length > TRACE_EVENTS_MAX) events.shift()
}

function isSame(a: TraceEvent, b: TraceEvent): boolean {
  if (a.what === 'refused' && b.what === 'refused') {
    return a.kind === b.kind && a.reason === b.reason && a.slot === b.slot
  }
  return a.what === b.what && a.what !== 'committed'
}

const traceArguments = v.strictObject({
  device: idValue,
  fleet: v.optional(idValue),
  after: v.optional(integerValue(0, Number.MAX_SAFE_INTEGER), 0),
})

/** `call` with the verb `trace`: a device's channels as they are, and its events after `after`. */
export function withTraceVerb(call: VerbCall, core: Core): VerbCall {
  return async (verb, args) => {
    if (verb !== 'trace') return call(verb, args)
    const parsed = v.safeParse(traceArguments, args ?? {})
    if (!parsed.success) throw new OperatorError(`trace: ${parsed.issues[0].message}`)
    const { device, fleet, after } = parsed.output
    const fleets = [...core.state.fleets.keys()].filter(
      (name) => (!fleet || name === fleet) && core.state.cold.device(name, device),
    )
    const [found, ...others] = fleets
    if (found === undefined) {
      throw new OperatorError(`no device ${device} is enrolled: see "tickpay channels list"`)
    }
    if (others.length > 0) {
      throw new OperatorError(`${device} is in ${fleets.join(' and ')}: name one with --fleet`)
    }
    return traceReport(core, found, device, after)
  }
}

function traceReport(core: Core, fleet: string, device: string, after: number) {
  const { online, channels } = reportDevice(core, fleet, device)
  return {
    fleet,
    device,
    online,
    channels: channels.map(({ meter, slot, state, epoch, index, supply, reason, paid, asset }) => ({
      ...{ meter, slot, state, epoch, index, supply, reason, paid, asset },
    })),
    events: core.trace.of(fleet, device, after).map(({ event, ...when }) => ({
      sequence: when.sequence,
      firstAtSeconds: when.firstSeconds,
      lastAtSeconds: when.lastSeconds,
      times: when.times,
      what: event.what,
      slot: event.slot ?? null,
      kind: event.what === 'refused' ? event.kind : null,
      reason: event.what === 'refused' ? event.reason : null,
      epoch: event.what === 'committed' ? event.epoch : null,
    })),
  }
}
