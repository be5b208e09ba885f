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
import type { Traced, TraceEvent, TraceRing } from './traceRing.ts'
import { createTraceRing } from './traceRing.ts'

/** Devices remembered; the one that was quiet for longest gives way. */
export const TRACE_DEVICES_MAX = 1_024
export type Trace = {
  readonly note: (fleet: string, device: string, event: TraceEvent) => void
  /** Oldest first, those after `sequence`. */
  readonly of: (fleet: string, device: string, sequence: number) => readonly Traced[]
}

export function createTrace(clock: Pick<Clock, 'nowMs'>): Trace {
  const devices = new Map<string, TraceRing>()
  let sequence = 0
  return {
    note: (fleet, device, event) => {
      const name = `${fleet}/${device}`
      const events = devices.get(name) ?? createTraceRing()
      // What was noted last comes last, so that the first is the quietest.
      devices.delete(name)
      devices.set(name, events)
      const [quietest = ''] = devices.size > TRACE_DEVICES_MAX ? devices.keys() : []
      devices.delete(quietest)
      sequence += 1
      events.keep(event, sequence, Math.floor(clock.nowMs() / 1_000))
    },
    of: (fleet, device, after) => devices.get(`${fleet}/${device}`)?.after(after) ?? [],
  }
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
