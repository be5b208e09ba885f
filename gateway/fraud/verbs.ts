/**
 * What an operator asks of the watch on the control socket: what it found and holds back, to hold a
 * device back or release it, and the readings of the provider's own meters.
 * @module
 */
import * as v from 'valibot'
import { idValue, uint64Value } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { type Verb, type VerbCall, verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { requireDevice } from '../enrolment.ts'
import { actions, type HoldAction } from './actions.ts'
import { providerKey } from './observe.ts'
import { rules } from './rules.ts'
import { WATCHED_MAX } from './signs.ts'
import { BASELINES_MAX, type FraudWatch, METERS_WATCHED_MAX } from './watch.ts'

const holdActions = actions.filter((one): one is HoldAction => one !== 'notify')
const name = { fleet: idValue, device: idValue }

/** `call` with the verbs of the watch. */
export function withFraudVerbs(
  call: VerbCall,
  core: Core,
  watch: FraudWatch | undefined,
): VerbCall {
  return async (asked, args) => {
    const table = fraudVerbs(core, watch)
    const found = Object.hasOwn(table, asked) ? table[asked] : undefined
    if (!found) return call(asked, args)
    const parsed = v.safeParse(found.schema, args ?? {})
    if (!parsed.success) throw new OperatorError(`${asked}: ${parsed.issues[0].message}`)
    const answer = await found.run(parsed.output as never)
    await core.writer.drained()
    return answer
  }
}

function fraudVerbs(core: Core, watch: FraudWatch | undefined): Readonly<Record<string, Verb>> {
  const present = () => {
    if (watch) return watch
    throw new OperatorError('the watch is off: take "fraud: off" out of the configuration')
  }
  return {
    fraud: verb(v.strictObject({}), () => report(core, present())),
    fraud_hold: verb(
      v.strictObject({ ...name, action: v.picklist(holdActions, holdActions.join(', ')) }),
      ({ fleet, device, action }) => {
        requireDevice(core, fleet, device)
        requireAmount(present(), action)
        const nowSeconds = core.writer.seconds()
        const about = { fleet, device, action, by: 'operator', words: 'an operator asked for it' }
        const times = { sinceSeconds: nowSeconds, lastSeconds: nowSeconds }
        return { device, action, isNew: present().holdBack({ ...about, ...times }) }
      },
    ),
    fraud_release: verb(v.strictObject(name), ({ fleet, device }) => {
      const hold = present().release(fleet, device, 'operator')
      if (!hold) throw new OperatorError(`${fleet}/${device} is not held back by the watch`)
      return { device, action: hold.action }
    }),
    provider_reading: verb(
      v.strictObject({ ...name, meter: idValue, register: uint64Value }),
      ({ fleet, device, meter, register }) => {
        const { config, providerReadings } = present()
        const isAttached = config.providerMeters.some(
          (one) => one.fleet === fleet && one.device === device && one.meter === meter,
        )
        if (!isAttached) {
          throw new OperatorError(
            `no meter of the provider is attached to ${fleet}/${device}/${meter}: ` +
              'list it under fraud.providerMeters',
          )
        }
        const reading = { register: Number(register), atSeconds: core.writer.seconds() }
        providerReadings.set(providerKey(fleet, device, meter), reading)
        return reading
      },
    ),
  }
}

function requireAmount({ config }: FraudWatch, action: HoldAction): void {
  const isMissing =
    (action === 'throttle' && config.throttlePerMinute === undefined) ||
    (action === 'limit' && config.limitPerDay === undefined)
  if (!isMissing) return
  const setting = action === 'throttle' ? 'throttlePerMinute' : 'limitPerDay'
  throw new OperatorError(`to ${action} a device, set fraud.${setting} in minor units`)
}

function report(core: Core, watch: FraudWatch) {
  const { config } = watch
  const use = watch.use()
  return {
    watched: core.signs.count(),
    turnedAway: core.signs.turnedAway(),
    meters: { watched: use.meters, beyond: use.metersBeyond, withBaseline: use.baselines },
    bounds: { devices: WATCHED_MAX, meters: METERS_WATCHED_MAX, baselines: BASELINES_MAX },
    holds: watch.holds.all(),
    findings: watch.findings().map(({ kind, ...finding }) => ({ ...finding, kind })),
    rules: Object.entries(config.rules).map(([rule, set]) => ({
      rule,
      about: rules[rule as keyof typeof rules].about,
      ...set,
    })),
  }
}
