/**
 * The areas of a gateway's log, the `log` part of gateway.yaml, and the verbs that change levels
 * while it runs.
 * @module
 */
import * as v from 'valibot'
import type { Ports } from '../ports/index.ts'
import type { LogControl, LogLevels } from '../ports/logAreas.ts'
import { logOf } from '../ports/logAreas.ts'
import { OperatorError } from '../ports/operatorError.ts'
import type { VerbCall } from './control/verb.ts'

export const logAreas = {
  payments: 'devices: what they send, the fence, orders of fleets, settlement, enrolment',
  broker: 'connections and logins, of clients or to an external broker',
  ledger: 'the ledger and what lies between',
  store: 'keys and encryption of the store',
  control: 'the control socket and HTTP',
} as const
export type LogArea = keyof typeof logAreas
const areaNames = Object.keys(logAreas) as LogArea[]

const levelValue = v.picklist(['debug', 'info', 'warn', 'error'], 'debug, info, warn or error')
const areaValue = v.picklist(areaNames, `one of ${areaNames.join(', ')}`)

/** A level for everything, or one with exceptions. */
export const logValue = v.union(
  [
    v.pipe(
      levelValue,
      v.transform((level): LogLevels => ({ level, areas: {} })),
    ),
    v.pipe(
      v.strictObject({
        level: v.optional(levelValue, 'info'),
        areas: v.optional(v.record(areaValue, levelValue), {}),
      }),
      v.transform((levels): LogLevels => levels),
    ),
  ],
  `a level (debug, info, warn, error), or { level, areas: { AREA: level } }`,
)

/** The ports of one area. */
export function portsOf(ports: Ports, area: LogArea): Ports {
  return { ...ports, log: logOf(ports.log, area) }
}

const setArguments = v.strictObject({
  area: v.picklist([...areaNames, 'all'], `one of ${areaNames.join(', ')}, all`),
  level: levelValue,
})

/** `call` with the verbs `log` and `log_set`. */
export function withLogVerbs(call: VerbCall, control: LogControl | undefined): VerbCall {
  return async (verb, args) => {
    if (verb !== 'log' && verb !== 'log_set') return call(verb, args)
    if (!control) throw new OperatorError('this gateway was started with a log of its own')
    if (verb === 'log_set') set(control, args)
    return report(control)
  }
}

function set(control: LogControl, args: unknown): void {
  const parsed = v.safeParse(setArguments, args ?? {})
  if (!parsed.success) throw new OperatorError(`log_set: ${parsed.issues[0].message}`)
  const { area, level } = parsed.output
  for (const one of area === 'all' ? areaNames : []) control.set(one, level)
  control.set(area === 'all' ? undefined : area, level)
}

function report(control: LogControl) {
  const { level, areas } = control.levels()
  return areaNames.map((area) => ({ area, level: areas[area] ?? level, about: logAreas[area] }))
}
