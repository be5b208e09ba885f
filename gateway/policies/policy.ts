/**
 * What a fleet can order for a part of itself: a pause, limits of what is spent in a minute, an
 * hour, a day or a month, the highest price. As it is kept: JSON with decimal strings.
 * @module
 */
import * as v from 'valibot'
import { uint64Value } from '../../ports/configTypes.ts'
import { FLEET_SCOPE } from '../../protocol/commandRules.ts'
import { isAbove, type Span, spanAt, spans } from '../../protocol/deviceOrders.ts'

export { type Span, spanAt, spans } from '../../protocol/deviceOrders.ts'

/** What an order is for: one of the four. */
export type Target = {
  readonly device?: string | undefined
  readonly group?: string | undefined
  readonly site?: string | undefined
  readonly all?: true | undefined
}

/** The name of a target in Commands and records; undefined unless exactly one is named. */
export function scopeOf({ device, group, site, all }: Target): string | undefined {
  const named = [
    device === undefined ? undefined : `device:${device}`,
    group === undefined ? undefined : `group:${group}`,
    site === undefined ? undefined : `site:${site}`,
    all === undefined ? undefined : FLEET_SCOPE,
  ].filter((one) => one !== undefined)
  return named.length === 1 ? named[0] : undefined
}

const policySchema = v.object({
  paused: v.optional(v.literal(true)),
  /** Minor units by span. */
  limits: v.optional(v.record(v.picklist(spans), uint64Value), {}),
  /** By unit: at most `price` minor units for `units`. */
  ceilings: v.optional(
    v.record(v.string(), v.object({ price: uint64Value, units: uint64Value })),
    {},
  ),
})
export type Policy = v.InferOutput<typeof policySchema>

const memberSchema = v.object({ group: v.optional(v.string()), site: v.optional(v.string()) })
/** The group and the site that a device belongs to. */
export type Membership = v.InferOutput<typeof memberSchema>

export const noPolicy: Policy = { limits: {}, ceilings: {} }

/** Reads what was journaled; absent text says nothing. */
export function parsePolicy(text: string | undefined): Policy {
  return text === undefined ? noPolicy : v.parse(policySchema, JSON.parse(text))
}

export function parseMembership(text: string | undefined): Membership {
  return text === undefined ? {} : v.parse(memberSchema, JSON.parse(text))
}

/** Empty when nothing is left of it. */
export function policyText({ paused, limits, ceilings }: Policy): string {
  const isEmpty = !paused && Object.keys(limits).length + Object.keys(ceilings).length === 0
  return isEmpty ? '' : json({ ...(paused ? { paused } : {}), limits, ceilings })
}

export function membershipText(membership: Membership): string {
  return Object.keys(membership).length === 0 ? '' : json(membership)
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? one.toString() : one))
}

/** What the operator's watch orders for a device, until it ends by itself; see gateway/fraud/. */
export function watchScope(device: string): string {
  return `watch:${device}`
}

/** The same until an operator ends it. */
export function quarantineScope(device: string): string {
  return `quarantine:${device}`
}

/** The device of a scope of the watch; undefined for all others. */
export function watchedDevice(scope: string): string | undefined {
  const [kind, device] = scope.split(':')
  return kind === 'watch' || kind === 'quarantine' ? device : undefined
}

/** Scope of the record that says where a device belongs. */
export function memberScope(device: string): string {
  return `member:${device}`
}

/** The sum of a scope when a span began. */
export type Beginning = { readonly span: number; readonly sum: bigint }
export type Beginnings = { readonly [Name in Span]?: Beginning | undefined }

const beginningSchema = v.optional(v.object({ span: v.number(), sum: uint64Value }))
const beginningsSchema = v.object({
  hour: beginningSchema,
  day: beginningSchema,
  month: beginningSchema,
})

export function parseBeginnings(text: string | undefined): Beginnings {
  return text === undefined ? {} : v.parse(beginningsSchema, JSON.parse(text))
}

/** Minutes are not worth a record: after a restart one begins anew. */
export function beginningsText({ hour, day, month }: Beginnings): string {
  return json({ hour, day, month })
}

/** Spans that have begun since begin at `sum`; the same object when none has. */
export function roll(known: Beginnings, sum: bigint, seconds: number): Beginnings {
  let rolled = known
  for (const name of spans) {
    const span = spanAt(name, seconds)
    if (rolled[name]?.span !== span) rolled = { ...rolled, [name]: { span, sum } }
  }
  return rolled
}

/** All sums moved by `amount`, because channels came or went. */
export function shift(known: Beginnings, amount: bigint): Beginnings {
  const moved = (one: Beginning | undefined) => one && { ...one, sum: positive(one.sum + amount) }
  return {
    minute: moved(known.minute),
    hour: moved(known.hour),
    day: moved(known.day),
    month: moved(known.month),
  }
}

const positive = (value: bigint) => (value > 0n ? value : 0n)

/** What was spent in the span that runs. */
export function spentIn(beginnings: Beginnings, span: Span, sum: bigint): bigint {
  return positive(sum - (beginnings[span]?.sum ?? sum))
}

/** True when one credit window more would pass a limit. */
export function isOverLimit(
  { limits }: Policy,
  beginnings: Beginnings,
  sum: bigint,
  creditAmount: bigint,
): boolean {
  return spans.some((span) => {
    const limit = limits[span]
    return limit !== undefined && spentIn(beginnings, span, sum) + creditAmount > limit
  })
}

/** True when a tick costs more than the ceiling for its unit allows. */
export function isOverCeiling(
  { ceilings }: Policy,
  unit: string,
  pricePerTick: bigint,
  unitsPerTick: bigint,
): boolean {
  const ceiling = Object.hasOwn(ceilings, unit) ? ceilings[unit] : undefined
  return ceiling !== undefined && isAbove(ceiling, pricePerTick, unitsPerTick)
}
