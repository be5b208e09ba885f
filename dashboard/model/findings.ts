/**
 * What the gateway's watch has found, while it goes on, and whom it holds back: from the events
 * of the fleet.
 * @module
 */
import type { Alarm } from './alarms.ts'
import type { Fleet } from './fleet.ts'
import type { FleetEvent } from './heard.ts'

type Finding = {
  readonly words: string
  readonly atSeconds: number
  /** What is done about it; undefined: it is only told. */
  readonly action: string | undefined
}

/** By device, or by `@NAME` for the logins of a credential. */
export type Findings = Map<string, Finding>

/** What goes on is told once an hour. */
const GOES_ON_SECONDS = 3_900
/** A watch that finds more has its own list: `tickpay fraud list`. */
const FINDINGS_MAX = 1_000

/** Takes an event of the fleet; those that are not of the watch change nothing. */
export function takeFinding({ findings }: Fleet, event: FleetEvent, nowSeconds: number): void {
  const { device } = event
  if (device === undefined) return
  const held = findings.get(device)
  if (event.event === 'fraud_released') findings.delete(device)
  const isHeld = event.event === 'fraud_held'
  if (!isHeld && event.event !== 'fraud_found') return
  if (held === undefined && findings.size >= FINDINGS_MAX) return
  const atSeconds = event.timeSeconds ?? nowSeconds
  const action = isHeld ? event.action : held?.action
  findings.set(device, { words: event.words || (held?.words ?? ''), atSeconds, action })
}

/** Forgets what was not told again. */
export function sweepFindings({ findings }: Fleet, nowSeconds: number): void {
  for (const [device, { action, atSeconds }] of findings) {
    if (action === undefined && atSeconds + GOES_ON_SECONDS < nowSeconds) findings.delete(device)
  }
}

export function findingAlarms({ findings }: Fleet): readonly Alarm[] {
  const alarms = [...findings].map(([name, { words, action }]): Alarm => {
    const device = name.startsWith('@') ? undefined : name
    const doing = action === undefined ? '' : ` (${action})`
    return {
      level: action === undefined ? 'warning' : 'bad',
      text: `${name}: ${words}${doing}`,
      advice:
        action === undefined
          ? 'the watch found it: look at its meter and its wiring'
          : 'the watch holds it back: tickpay fraud release ends that',
      device,
    }
  })
  return alarms.sort((one, other) => one.level.localeCompare(other.level))
}
