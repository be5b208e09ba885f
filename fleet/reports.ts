/**
 * What a gateway says of a device and its channels, as JSON on a fleet topic or on the control
 * socket. Whoever reads it checks it: it comes from another machine.
 * @module
 */
import * as v from 'valibot'
import { isAsset, parseUint64 } from '../protocol/amount.ts'
import { isId } from '../protocol/ids.ts'
import { CHANNELS_PER_DEVICE_MAX } from '../protocol/limits.ts'
import { supplyLevels, supplyReasons } from '../protocol/reasons.ts'

const id = v.pipe(v.string(), v.check(isId, 'no id'))
const uint64 = v.pipe(
  v.string(),
  v.check((text) => parseUint64(text) !== undefined, 'no decimal number below 2^64'),
  v.transform((text) => parseUint64(text) ?? 0n),
)
/** Below 2^52, so that what follows from it is still exact. */
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 52))
const asset = v.pipe(v.object({ code: v.string(), scale: v.number() }), v.check(isAsset))
const channelId = v.pipe(v.string(), v.regex(/^(0x)?[0-9a-f]{64}$/))

const mandateSchema = v.object({
  sequence: count,
  limit: uint64,
  limitPerDay: uint64,
  /** Seconds since 1970. */
  expiry: count,
  claimUntil: count,
})

export const channelReportSchema = v.object({
  fleet: id,
  device: id,
  slot: count,
  channelId,
  meter: id,
  unit: v.pipe(v.string(), v.maxLength(8)),
  asset,
  epoch: count,
  index: count,
  /** Register of the meter where the channel began; 0 before it is opened. */
  startReading: uint64,
  /** Units from there that are paid. */
  unitsPaid: uint64,
  /** Last register that the device reported. */
  register: v.nullable(uint64),
  paid: uint64,
  reserved: uint64,
  settled: uint64,
  exposure: uint64,
  creditUnits: uint64,
  supply: v.picklist(supplyLevels),
  reason: v.picklist(supplyReasons),
  /** The mandate in force. */
  mandate: v.nullable(mandateSchema),
  state: v.picklist(['open', 'closed']),
})

export const deviceReportSchema = v.object({
  device: id,
  online: v.boolean(),
  channels: v.pipe(v.array(channelReportSchema), v.maxLength(CHANNELS_PER_DEVICE_MAX)),
})

export type ChannelReport = v.InferOutput<typeof channelReportSchema>
export type MandateReport = v.InferOutput<typeof mandateSchema>
export type DeviceReport = v.InferOutput<typeof deviceReportSchema>

/** Reads the payload of a retained device report; undefined when it is none. */
export function readDeviceReport(payload: Uint8Array): DeviceReport | undefined {
  const result = v.safeParse(deviceReportSchema, readJson(payload))
  return result.success ? result.output : undefined
}

/** JSON of a payload; undefined when it is none. */
export function readJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    return undefined
  }
}
