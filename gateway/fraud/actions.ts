/**
 * What the watch may do about a finding, weakest first. All of it acts on supply and is lifted
 * again; what is paid is accepted whatever stands here.
 * @module
 */
import { noPolicy, type Policy } from '../policies/policy.ts'

/**
 * `notify`: an event and a line in the log. `throttle`: at most so much a minute. `limit`: at most
 * so much a day. `stop`: no supply. `quarantine`: no supply until an operator releases it; the
 * others end by themselves when nothing more is found.
 */
export const actions = ['notify', 'throttle', 'limit', 'stop', 'quarantine'] as const
export type Action = (typeof actions)[number]
/** What holds a device back. */
export type HoldAction = Exclude<Action, 'notify'>

/** Minor units that a device that is held back may spend. */
export type HoldAmounts = {
  readonly throttlePerMinute: bigint
  readonly limitPerDay: bigint
}

export function isStronger(one: Action, other: Action): boolean {
  return actions.indexOf(one) > actions.indexOf(other)
}

/** The order that carries an action out: it stands beside those of the fleet, and all hold. */
export function holdPolicy(
  action: HoldAction,
  { throttlePerMinute, limitPerDay }: HoldAmounts,
): Policy {
  switch (action) {
    case 'throttle':
      return { ...noPolicy, limits: { minute: throttlePerMinute } }
    case 'limit':
      return { ...noPolicy, limits: { day: limitPerDay } }
    default:
      return { ...noPolicy, paused: true }
  }
}
