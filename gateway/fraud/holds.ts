/**
 * Devices that the watch holds back: orders in the journal beside those of the fleet, so that they
 * outlive a restart, and lifting them lifts nothing that the fleet has ordered.
 * @module
 */
import type { Core } from '../core.ts'
import { tellSupply } from '../intake/sessionSupply.ts'
import { noPolicy, quarantineScope, watchedDevice, watchScope } from '../policies/policy.ts'
import { sessionOf } from '../reports.ts'
import { type HoldAction, type HoldAmounts, holdPolicy, isStronger } from './actions.ts'

export type Hold = {
  readonly fleet: string
  readonly device: string
  readonly action: HoldAction
  /** The rule that asked for it, `operator`, or `restart` for one that was found in the journal. */
  readonly by: string
  readonly words: string
  readonly sinceSeconds: number
  /** When something was last found. */
  lastSeconds: number
}

export type Holds = {
  readonly all: () => readonly Hold[]
  /** False when as much, or more, is done already; then it is only kept for longer. */
  readonly hold: (hold: Hold) => boolean
  /** The hold that ended; undefined when there was none. */
  readonly release: (fleet: string, device: string) => Hold | undefined
  /** Ends what nothing was found for in `seconds`; a quarantine never ends so. */
  readonly releaseAfter: (seconds: number, nowSeconds: number) => readonly Hold[]
}

export function createHolds(core: Core, amounts: HoldAmounts): Holds {
  const held = journaledHolds(core)
  const release: Holds['release'] = (fleet, device) => {
    const hold = held.get(`${fleet}/${device}`)
    if (!hold) return undefined
    held.delete(`${fleet}/${device}`)
    for (const scope of [watchScope(device), quarantineScope(device)]) {
      if (core.state.orders.policies.get(fleet)?.has(scope)) {
        core.policies.put(fleet, scope, noPolicy)
      }
    }
    tell(core, hold)
    return hold
  }
  return {
    all: () => [...held.values()],
    hold: (hold) => {
      const { fleet, device, action, lastSeconds } = hold
      const before = held.get(`${fleet}/${device}`)
      if (before && !isStronger(action, before.action)) {
        before.lastSeconds = lastSeconds
        return false
      }
      held.set(`${fleet}/${device}`, hold)
      const scope = action === 'quarantine' ? quarantineScope(device) : watchScope(device)
      core.policies.put(fleet, scope, holdPolicy(action, amounts))
      tell(core, hold)
      return true
    },
    release,
    releaseAfter: (seconds, nowSeconds) =>
      [...held.values()]
        .filter((one) => one.action !== 'quarantine' && nowSeconds - one.lastSeconds >= seconds)
        .flatMap(({ fleet, device }) => release(fleet, device) ?? []),
  }
}

/** What an earlier process held back; the time that it has left begins anew. */
function journaledHolds({ state, policies, writer }: Core): Map<string, Hold> {
  const held = new Map<string, Hold>()
  const nowSeconds = writer.seconds()
  for (const [fleet, scopes] of state.orders.policies) {
    for (const scope of scopes.keys()) {
      const device = watchedDevice(scope)
      if (device === undefined) continue
      const policy = policies.policy(fleet, scope)
      const limited = policy.limits.minute === undefined ? 'limit' : 'throttle'
      const temporary = policy.paused ? 'stop' : limited
      const action = scope === quarantineScope(device) ? 'quarantine' : temporary
      const times = { sinceSeconds: nowSeconds, lastSeconds: nowSeconds }
      const before = held.get(`${fleet}/${device}`)
      if (before && !isStronger(action, before.action)) continue
      const hold = { fleet, device, action, by: 'restart', words: 'held before a restart' } as const
      held.set(`${fleet}/${device}`, { ...hold, ...times })
    }
  }
  return held
}

/** A connected device is told at once. */
function tell(core: Core, { fleet, device }: Hold): void {
  core.touch(fleet, device)
  const session = sessionOf(core, fleet, device)
  if (session) tellSupply(core, session)
}
