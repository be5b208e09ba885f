/**
 * From the answers of a running gateway to the live view: figures and how fast they move.
 * @module
 */
import * as v from 'valibot'
import { type ChannelReport, channelReportSchema } from '../../fleet/reports.ts'
import type { Asset } from '../../protocol/amount.ts'
import { readAnswer } from '../answers.ts'
import type { Calls } from '../io/controlClient.ts'
import type { DeviceView, LiveView } from './view.ts'

export const statusAnswer = v.object({
  gateway: v.string(),
  sessions: v.number(),
  channels: v.number(),
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

const pageAnswer = v.object({ channels: v.array(channelReportSchema) })
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
  /** By device; absent where no agent was asked, or it knows nothing yet. */
  readonly agents: ReadonlyMap<string, AgentSight>
}

/** Which channels are looked at. */
export type Part = { readonly fleet: string | undefined; readonly device: string | undefined }

export const everyPart: Part = { fleet: undefined, device: undefined }

/** Ticks a second are counted over this long. */
const rateWindowMs = 5_000
/** The gateway reports all channels at once up to so many, without its ticks having to wait. */
export const CHANNELS_LOOKED_AT_MAX = 2_000

/** Asks the gateway and the agents. */
export async function look(
  { call }: Calls,
  agents: ReadonlyMap<string, Calls>,
  atMs: number,
  part: Part = everyPart,
): Promise<Sight> {
  const [answer, ...seen] = await Promise.all([
    call('status', {}),
    ...[...agents].map(async ([device, calls]) => [device, await lookAtAgent(calls)] as const),
  ])
  const status = readAnswer(statusAnswer, answer)
  return {
    atMs,
    status,
    channels: await lookAtChannels(call, status.channels, part),
    agents: new Map(seen.flatMap(([device, sight]) => (sight ? [[device, sight]] : []))),
  }
}

/** Of a part of a large gateway the first page; of a large gateway without a part nothing. */
async function lookAtChannels(
  call: Calls['call'],
  count: number,
  part: Part,
): Promise<readonly ChannelReport[]> {
  if (count <= CHANNELS_LOOKED_AT_MAX) {
    return readAnswer(v.array(channelReportSchema), await call('channels', part))
  }
  if (part.fleet === undefined) return []
  return readAnswer(pageAnswer, await call('list', { ...part, from: 0 })).channels
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

export type Setting = Pick<LiveView, 'title' | 'forSeconds' | 'place' | 'note' | 'asset'> & {
  readonly nameOf: (channel: ChannelReport) => Pick<DeviceView, 'device' | 'meter'>
  /** More than so many are not shown. */
  readonly devicesMax: number
  readonly startedMs: number
  /** Wall clock, for the age of the last settlement. */
  readonly nowSeconds: number
}

/** The view of the newest sight. */
export function viewOf(sights: readonly Sight[], setting: Setting): LiveView | undefined {
  const newest = sights.at(-1)
  const oldest = sights[0]
  if (newest === undefined || oldest === undefined) return undefined
  const { status, atMs } = newest
  const spanSeconds = Math.max(1, (atMs - oldest.atMs) / 1_000)
  const last = status.lastSettlementAtSeconds
  const shown = busiest(newest.channels, oldest.channels, setting.devicesMax)
  const { title, forSeconds, place, asset, note } = setting
  return {
    ...{ title, forSeconds, place, asset, note },
    elapsedSeconds: (atMs - setting.startedMs) / 1_000,
    devices: shown.map((channel) => ({
      ...setting.nameOf(channel),
      ...figuresOf(channel, newest.agents.get(channel.device)),
    })),
    unseen: newest.channels.length - shown.length,
    ticks: status.accepted,
    ticksPerSecond: (status.accepted - oldest.status.accepted) / spanSeconds,
    accepted: BigInt(status.acceptedAmount),
    settled: BigInt(status.settled),
    settlements: status.settlements,
    sinceSettlementSeconds: last === null ? undefined : Math.max(0, setting.nowSeconds - last),
    refused: status.refused,
  }
}

/** Where there is no room for all, those that paid most lately, in the order in which all are. */
function busiest(
  channels: readonly ChannelReport[],
  before: readonly ChannelReport[],
  max: number,
): readonly ChannelReport[] {
  if (channels.length <= max) return channels
  const paidBefore = new Map(before.map(({ channelId, paid }) => [channelId, paid]))
  const spent = ({ channelId, paid }: ChannelReport) => paid - (paidBefore.get(channelId) ?? 0n)
  const byRate = channels.toSorted((one, other) => (spent(one) < spent(other) ? 1 : -1))
  const chosen = new Set(byRate.slice(0, max))
  return channels.filter((channel) => chosen.has(channel))
}

function figuresOf(channel: ChannelReport, agent: AgentSight | undefined) {
  const { unit, paid, reserved, creditUnits, supply, reason, unitsPaid } = channel
  const unitsUnpaid =
    agent === undefined ? unpaidAsReported(channel) : agent.units - agent.unitsPaid
  const units = unitsPaid + unitsUnpaid
  return { unit, units, paid, reserved, unitsUnpaid, creditUnits, supply, reason }
}

/** What the device reported last may be older than what it has paid since. */
function unpaidAsReported({ register, startReading, unitsPaid }: ChannelReport): bigint {
  const unpaid = (register ?? 0n) - startReading - unitsPaid
  return unpaid > 0n ? unpaid : 0n
}

/** The asset that the channels pay in; while there is none, minor units are all that is known. */
export function assetOf({ channels }: Sight): Asset {
  return channels[0]?.asset ?? { code: 'minor units', scale: 0 }
}
