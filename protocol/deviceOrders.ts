/**
 * What a fleet ordered that concerns one device, as the gateway hands it on in `down/command`: the
 * tightest of all limits and price ceilings that hold for it. They act on supply alone.
 * @module
 */
import { compareBytes, utf8ToBytes } from './bytes.ts'
import type { WireValue } from './cbor.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { UNIT_BYTES_MAX, WIRE_VERSION } from './limits.ts'

/** Calendar spans in UTC; `minute` is what bounds how fast money may go. */
export const spans = ['minute', 'hour', 'day', 'month'] as const
export type Span = (typeof spans)[number]

/** At most `price` minor units for `units`. */
export type PriceCeiling = { readonly price: bigint; readonly units: bigint }

export type DeviceOrders = {
  /** Minor units that may be spent in the span, by all channels of the device together. */
  readonly limits: { readonly [Name in Span]?: bigint | undefined }
  readonly ceilings: Readonly<Record<string, PriceCeiling>>
}

export const noDeviceOrders: DeviceOrders = { limits: {}, ceilings: {} }

/** A gateway meters in so many units at most. */
const CEILINGS_MAX = 16

/** Number of the span that `seconds` lies in. */
export function spanAt(span: Span, seconds: number): number {
  if (span === 'minute') return Math.floor(seconds / 60)
  if (span === 'hour') return Math.floor(seconds / 3_600)
  if (span === 'day') return Math.floor(seconds / 86_400)
  const date = new Date(seconds * 1_000)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

/** True when a tick costs more than the ceiling allows. */
export function isAbove(
  { price, units }: PriceCeiling,
  pricePerTick: bigint,
  unitsPerTick: bigint,
): boolean {
  return pricePerTick * units > price * unitsPerTick
}

/** Both together, the tighter of each. */
export function tighter(one: DeviceOrders, other: DeviceOrders): DeviceOrders {
  const limits: { [Name in Span]?: bigint | undefined } = { ...one.limits }
  for (const span of spans) {
    const limit = other.limits[span]
    const before = limits[span]
    if (limit !== undefined && (before === undefined || limit < before)) limits[span] = limit
  }
  const ceilings = { ...one.ceilings }
  for (const [unit, ceiling] of Object.entries(other.ceilings)) {
    const before = Object.hasOwn(ceilings, unit) ? ceilings[unit] : undefined
    if (!before || isAbove(ceiling, before.price, before.units)) ceilings[unit] = ceiling
  }
  return { limits, ceilings }
}

/** down/command: `[1, [[span, amount], ...], [[unit, price, units], ...]]`, both in order. */
export function encodeDeviceOrders({ limits, ceilings }: DeviceOrders): Uint8Array {
  const limitRows = spans.flatMap((span, at): WireValue[] => {
    const limit = limits[span]
    return limit === undefined ? [] : [[at, limit]]
  })
  const units = Object.keys(ceilings).sort(byBytes)
  const ceilingRows = units.map((unit): WireValue => {
    const { price, units: size } = ceilings[unit] ?? { price: 0n, units: 1n }
    return [unit, price, size]
  })
  return encodeCbor([WIRE_VERSION, limitRows, ceilingRows])
}

/** Undefined for anything that is not exactly such a message. */
export function decodeDeviceOrders(bytes: Uint8Array): DeviceOrders | undefined {
  const wire = decodeCbor(bytes)
  if (!Array.isArray(wire) || wire.length !== 3 || wire[0] !== WIRE_VERSION) return undefined
  const limits = readLimits(wire[1])
  const ceilings = readCeilings(wire[2])
  return limits && ceilings && { limits, ceilings }
}

function readLimits(wire: WireValue | undefined): DeviceOrders['limits'] | undefined {
  if (!Array.isArray(wire)) return undefined
  const limits: { [Name in Span]?: bigint | undefined } = {}
  let before = -1
  for (const row of wire) {
    if (!Array.isArray(row) || row.length !== 2) return undefined
    const [at, amountWire] = row
    const span = typeof at === 'number' && at > before ? spans[at] : undefined
    const amount = readAmount(amountWire)
    if (span === undefined || amount === undefined) return undefined
    limits[span] = amount
    before = Number(at)
  }
  return limits
}

function readCeilings(wire: WireValue | undefined): DeviceOrders['ceilings'] | undefined {
  if (!Array.isArray(wire) || wire.length > CEILINGS_MAX) return undefined
  const ceilings: Record<string, PriceCeiling> = {}
  let before = ''
  for (const row of wire) {
    if (!Array.isArray(row) || row.length !== 3) return undefined
    const [unit, priceWire, unitsWire] = row
    const price = readAmount(priceWire)
    const units = readAmount(unitsWire)
    if (typeof unit !== 'string' || utf8ToBytes(unit).length > UNIT_BYTES_MAX) return undefined
    if (byBytes(before, unit) >= 0) return undefined
    if (price === undefined || units === undefined || units === 0n) return undefined
    ceilings[unit] = { price, units }
    before = unit
  }
  return ceilings
}

function byBytes(one: string, other: string): number {
  return compareBytes(utf8ToBytes(one), utf8ToBytes(other))
}

function readAmount(wire: WireValue | undefined): bigint | undefined {
  return typeof wire === 'number' || typeof wire === 'bigint' ? BigInt(wire) : undefined
}
