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

const agentAnswer = v.object({
  meters: v.array(v.object({ units: v.nullable(v.string()), unitsPaid: v.nullable(v.string()) })),
})

/** What an agent knows of its one meter: its reading, and the reading up to which it has paid. */
export type AgentSight = { readonly units: bigint; readonly unitsPaid: bigint }

/** What was seen at one moment. */
export type Sight = {
  readonly atMs: number
  readonly status: GatewayStatus
  readonly channels: readonly ChannelReport[]
  /** By device; absent while an agent knows nothing yet. */
  readonly agents: ReadonlyMap<string, AgentSight>
}

/** Ticks a second are counted over this long. */
const rateWindowMs = 5_000

/** Asks the gateway and the agents. */
export async function look(
  { call }: Calls,
  agents: ReadonlyMap<string, Calls>,
  atMs: number,
): Promise<Sight> {
  const [status, channels, ...seen] = await Promise.all([
    call('status', {}),
    call('channels', {}),
    ...[...agents].map(async ([device, calls]) => [device, await lookAtAgent(calls)] as const),
  ])
  return {
    atMs,
    status: readAnswer(statusAnswer, status),
    channels: readAnswer(v.array(channelReportSchema), channels),
    agents: new Map(seen.flatMap(([device, sight]) => (sight ? [[device, sight]] : []))),
  }
}

async function lookAtAgent({ call }: Calls): Promise<AgentSight | undefined> {
  const [meter] = readAnswer(agentAnswer, await call('status', {})).meters
  if (!meter || meter.units === null || meter.unitsPaid === null) return undefined
  return { units: BigInt(meter.units), unitsPaid: BigInt(meter.unitsPaid) }
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
    devices: newest.channels.map((channel) =>
      deviceView(channel, newest.agents.get(channel.device), setting.meters),
    ),
    ticks: status.accepted,
    ticksPerSecond: (status.accepted - oldest.status.accepted) / spanSeconds,
    accepted: BigInt(status.acceptedAmount),
    settled: BigInt(status.settled),
    settlements: status.settlements,
    sinceSettlementSeconds: last === null ? undefined : Math.max(0, setting.nowSeconds - last),
    note: setting.note,
  }
}

function deviceView(
  channel: ChannelReport,
  agent: AgentSight | undefined,
  meters: ReadonlyMap<string, string>,
): DeviceView {
  const { device, unit, paid, reserved, creditUnits, supply, reason, unitsPaid } = channel
  const unitsUnpaid = agent === undefined ? 0n : agent.units - agent.unitsPaid
  const units = unitsPaid + unitsUnpaid
  const meter = meters.get(device) ?? ''
  return { device, meter, unit, units, paid, reserved, unitsUnpaid, creditUnits, supply, reason }
}
