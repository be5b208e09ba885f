/**
 * The `fraud` part of gateway.yaml: which rules watch, with which thresholds, and what they may do.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue, uint64Value } from '../../ports/configTypes.ts'
import { type Action, actions, isStronger } from './actions.ts'
import { limitsOf } from './deviceWatch.ts'
import type { Limits, Rule } from './rule.ts'
import { type RuleName, ruleNames, rules } from './rules.ts'

/** Meters of the provider that may be attached. */
const PROVIDER_METERS_MAX = 100_000

/** The actions that a rule may take. */
export function allowedActions(rule: Rule): readonly Action[] {
  return actions.filter((action) => !isStronger(action, rule.strongest))
}

const thresholdAllowed = 'a number above 0'
const thresholdValue = v.pipe(v.number(thresholdAllowed), v.gtValue(0, thresholdAllowed))

function ruleValue(rule: Rule) {
  const allowed = allowedActions(rule)
  const entries = Object.keys(rule.thresholds).map((name) => [name, v.optional(thresholdValue)])
  return v.union(
    [
      v.literal('off'),
      v.strictObject({
        action: v.optional(v.picklist(allowed, `one of ${allowed.join(', ')}`), 'notify'),
        ...(Object.fromEntries(entries) as Record<
          string,
          v.OptionalSchema<v.NumberSchema<undefined>, undefined>
        >),
      }),
    ],
    `off, or its thresholds and its action (${allowed.join(', ')})`,
  )
}

type RuleEntries = {
  readonly [Name in RuleName]: v.OptionalSchema<ReturnType<typeof ruleValue>, undefined>
}
const ruleEntries = Object.fromEntries(
  ruleNames.map((name) => [name, v.optional(ruleValue(rules[name]))]),
) as RuleEntries

const watchValue = v.pipe(
  v.strictObject({
    rules: v.optional(v.strictObject(ruleEntries), {}),
    /** Minor units a minute, for the action `throttle`. */
    throttlePerMinute: v.optional(uint64Value),
    /** Minor units a day, for the action `limit`. */
    limitPerDay: v.optional(uint64Value),
    /** Without a finding for so long a device is released; a quarantine stays. */
    holdSeconds: v.optional(integerValue(60, 30 * 86_400), 900),
    /** Meters on whose line the provider has one of its own. */
    providerMeters: v.optional(
      v.pipe(
        v.array(v.strictObject({ fleet: idValue, device: idValue, meter: idValue })),
        v.maxLength(PROVIDER_METERS_MAX),
      ),
      [],
    ),
  }),
  v.check(
    ({ rules: set, throttlePerMinute }) =>
      throttlePerMinute !== undefined || !takes(set, 'throttle'),
    'throttlePerMinute, in minor units, for the action throttle',
  ),
  v.check(
    ({ rules: set, limitPerDay }) => limitPerDay !== undefined || !takes(set, 'limit'),
    'limitPerDay, in minor units, for the action limit',
  ),
)

function takes(set: Readonly<Record<string, unknown>>, action: Action): boolean {
  return Object.values(set).some(
    (one) => typeof one === 'object' && one !== null && 'action' in one && one.action === action,
  )
}

const off = 'off'
/** `off`, or how to watch; everything with its defaults, and `notify`, when it is absent. */
export const fraudValue = v.pipe(
  v.union([v.literal(off), watchValue], 'off, or { rules, holdSeconds, providerMeters, ... }'),
  v.transform((value): FraudConfig | undefined => (value === off ? undefined : toConfig(value))),
)

export type ProviderMeter = {
  readonly fleet: string
  readonly device: string
  readonly meter: string
}

export type FraudConfig = {
  /** A rule that is absent does not watch. */
  readonly rules: {
    readonly [Name in RuleName]?: { readonly action: Action; readonly limits: Limits }
  }
  /** Absent: the action cannot be taken. */
  readonly throttlePerMinute: bigint | undefined
  readonly limitPerDay: bigint | undefined
  readonly holdSeconds: number
  readonly providerMeters: readonly ProviderMeter[]
}

function toConfig({ rules: set, ...others }: v.InferOutput<typeof watchValue>): FraudConfig {
  const configured = ruleNames.flatMap((name) => {
    const own = set[name] ?? { action: 'notify' as const }
    if (own === off) return []
    const { action, ...changed } = own
    const limits = Object.entries(changed).filter(([, value]) => value !== undefined)
    return [[name, { action, limits: limitsOf(name, Object.fromEntries(limits) as Limits) }]]
  })
  const { throttlePerMinute, limitPerDay } = others
  return { ...others, throttlePerMinute, limitPerDay, rules: Object.fromEntries(configured) }
}

/** Everything with its defaults: all rules, and `notify`. */
export function defaultFraudConfig(): FraudConfig {
  return toConfig(v.parse(watchValue, {}))
}
