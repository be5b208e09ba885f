/**
 * What the fleet ordered for this device, held against what it spends: the gateway that handed it
 * on enforces it too, but a device that was told once does not depend on it. Pure.
 *
 * It acts on supply and never on words: what was used is paid. Spending is counted from when a
 * limit was first heard of; after a restart all that was paid since the record counts.
 * @module
 */
import * as v from 'valibot'
import type { DeviceOrders, Span } from '../protocol/deviceOrders.ts'
import { isAbove, noDeviceOrders, spanAt, spans } from '../protocol/deviceOrders.ts'

type Spent = { readonly span: number; readonly amount: bigint }
type Seen = { readonly channel: string; readonly amount: bigint }

export type FleetOrders = DeviceOrders & {
  /** In the span that runs, by all meters together. */
  readonly spent: { readonly [Name in Span]?: Spent | undefined }
  /** Cumulative amount of each meter's channel when it was looked at last. */
  readonly seen: Readonly<Record<string, Seen>>
}

export const noFleetOrders: FleetOrders = { ...noDeviceOrders, spent: {}, seen: {} }

/** What a meter has shown. `channel` is hex of its id. */
export type MeterSpending = Seen & { readonly meter: string }

/** Other orders; what was spent counts on. */
export function withOrders(known: FleetOrders, orders: DeviceOrders): FleetOrders {
  return { ...known, ...orders }
}

/** Counts what the meters have spent since the last look. */
export function countSpending(
  known: FleetOrders,
  meters: readonly MeterSpending[],
  seconds: number,
): FleetOrders {
  if (Object.keys(known.limits).length === 0) {
    return Object.keys(known.seen).length === 0 ? known : { ...known, spent: {}, seen: {} }
  }
  const more = meters.reduce((sum, one) => sum + spentSince(known.seen[one.meter], one), 0n)
  const spent: { [Name in Span]?: Spent } = {}
  for (const span of spans) spent[span] = addSpent(known.spent[span], spanAt(span, seconds), more)
  const seen = { ...known.seen }
  for (const { meter, channel, amount } of meters) seen[meter] = { channel, amount }
  return { ...known, spent, seen }
}

/** A channel that took another's place began at 0. */
function spentSince(before: Seen | undefined, { channel, amount }: Seen): bigint {
  if (!before) return 0n
  if (before.channel !== channel) return amount
  return amount > before.amount ? amount - before.amount : 0n
}

/** A clock that was set back begins no span anew. */
function addSpent(before: Spent | undefined, span: number, more: bigint): Spent {
  if (!before || span > before.span) return { span, amount: more }
  return { span: before.span, amount: before.amount + more }
}

/** What may still be spent; undefined when nothing limits it. */
export function leftOf({ limits, spent }: FleetOrders): bigint | undefined {
  let least: bigint | undefined
  for (const span of spans) {
    const limit = limits[span]
    if (limit === undefined) continue
    const used = spent[span]?.amount ?? 0n
    const left = limit > used ? limit - used : 0n
    if (least === undefined || left < least) least = left
  }
  return least
}

export function isTooDear(
  { ceilings }: FleetOrders,
  unit: string,
  terms: { readonly pricePerTick: bigint; readonly unitsPerTick: bigint },
): boolean {
  const ceiling = Object.hasOwn(ceilings, unit) ? ceilings[unit] : undefined
  return ceiling !== undefined && isAbove(ceiling, terms.pricePerTick, terms.unitsPerTick)
}

const countSchema = v.pipe(v.number(), v.integer(), v.minValue(0))
const amountSchema = v.pipe(v.bigint(), v.minValue(0n))
const spentSchema = v.optional(v.object({ span: countSchema, amount: amountSchema }))
const bySpan = <S extends v.GenericSchema>(one: S) =>
  v.object({ minute: one, hour: one, day: one, month: one })

const ordersSchema = v.object({
  limits: bySpan(v.optional(amountSchema)),
  ceilings: v.record(v.string(), v.object({ price: amountSchema, units: amountSchema })),
  spent: bySpan(spentSchema),
  seen: v.record(v.string(), v.object({ channel: v.string(), amount: amountSchema })),
})

/** What the record of the agent holds; a damaged one counts as none. */
export function readFleetOrders(value: unknown): FleetOrders | undefined {
  const parsed = v.safeParse(ordersSchema, value)
  return parsed.success ? parsed.output : undefined
}
