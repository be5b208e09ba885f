/**
 * Findings in the log: the first of a minute in full, the others together in one line, so that
 * thousands of devices that do the same do not hide what else there is.
 * @module
 */
import type { Cancel, Ports, Timers } from '../../ports/index.ts'
import type { ToldFinding } from './watch.ts'

/** Findings that have a line of their own, in a minute. */
export const FINDINGS_LOGGED_PER_MINUTE = 5
const MINUTE_MS = 60_000

type FindingLogPorts = {
  readonly timers: Pick<Timers, 'after'>
  readonly log: Ports['log']
}

export type FindingLog = {
  readonly add: (finding: ToldFinding) => void
  /** Says what has not been said yet. */
  readonly stop: () => void
}

export function createFindingLog({ timers, log }: FindingLogPorts): FindingLog {
  const unsaid = new Map<string, number>()
  let said = 0
  let cancel: Cancel | undefined
  const endMinute = () => {
    cancel = undefined
    said = 0
    const count = [...unsaid.values()].reduce((sum, one) => sum + one, 0)
    if (count === 0) return
    const rules = [...unsaid].map(([rule, times]) => `${rule} ${times}`).join(', ')
    unsaid.clear()
    log('warn', 'the watch found more: see "tickpay fraud list"', { count, rules })
  }
  return {
    add: ({ fleet, device, rule, words, action }) => {
      cancel ??= timers.after(MINUTE_MS, endMinute)
      said += 1
      if (said <= FINDINGS_LOGGED_PER_MINUTE) {
        log('warn', 'the watch found something', { fleet, device, rule, words, action })
      } else unsaid.set(rule, (unsaid.get(rule) ?? 0) + 1)
    },
    stop: () => {
      cancel?.()
      endMinute()
    },
  }
}
