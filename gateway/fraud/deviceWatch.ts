/**
 * All rules over the observations of one device. What goes on is found once, and told again only
 * after a while.
 * @module
 */
import type { DeviceObservation } from './observation.ts'
import type { Limits, Watcher } from './rule.ts'
import { type RuleName, ruleNames, rules } from './rules.ts'

export type Finding = {
  readonly rule: RuleName
  /** What was seen, for people. */
  readonly words: string
  readonly atSeconds: number
  /** `again`: it goes on and is told once more; `known`: it goes on, and was told lately. */
  readonly kind: 'new' | 'again' | 'known'
}

/** How each rule is set; a rule that is absent does not watch. */
export type RuleLimits = { readonly [Name in RuleName]?: Limits }

/** What was seen gives rise to these findings, mostly none. */
export type DeviceWatch = (seen: DeviceObservation) => readonly Finding[]

/** A finding that goes on is told again after this. */
export const REPEAT_SECONDS = 3_600
/** A finding that was not seen for so long has ended: the next one is a new one. */
const ENDED_SECONDS = 600

type Running = {
  readonly rule: RuleName
  readonly watch: Watcher
  toldSeconds: number
  seenSeconds: number
}

const none: readonly Finding[] = []

/** The thresholds of a rule, those of `change` in place of its own. */
export function limitsOf(rule: RuleName, change: Limits = {}): Limits {
  const own = Object.entries(rules[rule].thresholds).map(([name, { value }]) => [name, value])
  return { ...Object.fromEntries(own), ...change }
}

/** Every rule with the thresholds that it comes with. */
export function allLimits(): RuleLimits {
  return Object.fromEntries(ruleNames.map((rule) => [rule, limitsOf(rule)]))
}

export function createDeviceWatch(limits: RuleLimits): DeviceWatch {
  const never = Number.NEGATIVE_INFINITY
  const running: Running[] = []
  for (const rule of ruleNames) {
    const own = limits[rule]
    const times = { toldSeconds: never, seenSeconds: never }
    if (own) running.push({ rule, watch: rules[rule].begin(own), ...times })
  }
  return (seen) => {
    let found: Finding[] | undefined
    for (const one of running) {
      const words = one.watch(seen)
      if (words === undefined) continue
      found ??= []
      found.push(findingOf(one, words, seen.atSeconds))
    }
    return found ?? none
  }
}

function findingOf(one: Running, words: string, atSeconds: number): Finding {
  const goesOn = atSeconds - one.seenSeconds < ENDED_SECONDS
  one.seenSeconds = atSeconds
  const finding = { rule: one.rule, words, atSeconds }
  if (goesOn && atSeconds - one.toldSeconds < REPEAT_SECONDS) return { ...finding, kind: 'known' }
  one.toldSeconds = atSeconds
  return { ...finding, kind: goesOn ? 'again' : 'new' }
}
