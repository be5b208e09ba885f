/**
 * What devices allow themselves, counted by what they show: in one hour no more than their limit,
 * however often they start, and no price above theirs.
 * @module
 */
import type { DeviceActor } from './deviceActor.ts'
import { accountOf, type State } from './invariantState.ts'
import type { Plan } from './plan.ts'

/** Faults after which a device may begin to count anew, once each. */
const opening: readonly string[] = [
  'clock_device',
  'clock_gateway',
  'outlast_statement',
  'replace_device',
  'replace_meter',
  'position_again',
  'restore_backup',
  'change_tariff',
]

export function checkOwnLimits(state: State, plan: Plan, device: DeviceActor): void {
  const limit = plan.site?.amountPerHour.get(device.plan.device)
  if (limit === undefined) return
  const { record } = state.watched
  const fresh = BigInt(1 + plan.faults.filter(({ kind }) => opening.includes(kind)).length)
  for (const meter of device.meters.keys()) {
    const name = `${device.plan.device}/${meter}`
    const { spent } = accountOf(state, name)
    if (spent <= limit * fresh) continue
    const detail = `${name}: ${spent} was shown, ${limit} is allowed in an hour`
    record.violate('a device keeps its own limits', detail)
  }
}
