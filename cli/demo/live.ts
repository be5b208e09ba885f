/**
 * From the answers of a running gateway to the live view: figures and how fast they move.
 * @module
 */
import * as v from 'valibot'
import { type ChannelReport, channelReportSchema } from '../../fleet/reports.ts'
import { readAnswer } from '../answers.ts'
import type { Calls } from '../io/controlClient.ts'
import { demoAsset } from './plan.ts'
import type { DemoView, DeviceView } from './view.ts'

export const statusAnswer = v.object({
  accepted: v.number(),
  acceptedAmount: v.string(),
  settled: v.string(),
  unsettled: v.string(),
  settlements: v.number(),
  lastSettlementAtSeconds: v.nullable(v.number()),
  refused: v.record(v.string(), v.number()),
  ledgerSum: v.nullable(v.string()),
  signatures: v.record(v.string(), v.unknown()),
})
export type GatewayStatus = v.InferOutput<typeof statusAnswer>

/** What was seen at one moment. */
export type Sight = {
  readonly atMs: number
  readonly status: GatewayStatus
  readonly channels: readonly ChannelReport[]
}

/** Ticks a second are counted over this long. */
const rateWindowMs = 5_000

/** Asks the gateway. */
export async function look({ call }: Calls, atMs: number): Promise<Sight> {
  const [status, channels] = await Promise.all([call('status', {}), call('channels', {})])
  return {
    atMs,
    status: readAnswer(statusAnswer, status),
    channels: readAnswer(v.array(channelReportSchema), channels),
  }
}

/** The sights that the rate is counted over, the newest last. */
export function remember(sights: readonly Sight[], sight: Sight): readonly Sight[] {
  const recent = sights.filter(({ atMs }) => sight.atMs - atMs <= rateWindowMs)
  return [...recent, sight]
}

export type Setting = Pick<DemoView, 'forSeconds' | 'link' | 'note'> & {
  /** Kind of meter by device. */
  readonly meters: ReadonlyMap<string, string>
  readonly startedMs: number
  /** Wall clock, for the age of the last settlement. */
  readonly nowSeconds: number
}

/** The view of the newest sight. */
export function viewOf(sights: readonly Sight[], setting: Setting): DemoView | undefined {
  const newest = sights.at(-1)
  const oldest = sights[0]
  if (newest === undefined || oldest === undefined) return undefined
  const { status, atMs } = newest
  const spanSeconds = Math.max(1, (atMs - oldest.atMs) / 1_000)
  const last = status.lastSettlementAtSeconds
  return {
    elapsedSeconds: (atMs - setting.startedMs) / 1_000,
    forSeconds: setting.forSeconds,
    link: setting.link,
    asset: demoAsset,
    devices: newest.channels.map((channel) => deviceView(channel, setting.meters)),
    ticks: status.accepted,
    ticksPerSecond: (status.accepted - oldest.status.accepted) / spanSeconds,
    accepted: BigInt(status.acceptedAmount),
    settled: BigInt(status.settled),
    settlements: status.settlements,
    sinceSettlementSeconds: last === null ? undefined : Math.max(0, setting.nowSeconds - last),
    note: setting.note,
  }
}

function deviceView(channel: ChannelReport, meters: ReadonlyMap<string, string>): DeviceView {
  const { device, unit, paid, reserved, creditUnits, supply, reason, unitsPaid } = channel
  const read = channel.register === null ? 0n : channel.register - channel.startReading
  // The register is reported now and then, ticks at once: never show less than was paid.
  const units = read > unitsPaid ? read : unitsPaid
  const unitsUnpaid = units - unitsPaid
  const meter = meters.get(device) ?? ''
  return { device, meter, unit, units, paid, reserved, unitsUnpaid, creditUnits, supply, reason }
}
