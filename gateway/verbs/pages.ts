/**
 * Long answers to a fleet, in pages that pass the length gate of its role.
 * @module
 */
import type { Core } from '../core.ts'
import { requireFleet } from '../enrolment.ts'
import type { ChannelReport } from '../reports.ts'
import { reportChannel } from '../reports.ts'

/** Some 800 bytes each. */
const CHANNELS_PER_PAGE = 50
const SCOPES_PER_PAGE = 80
/** Some 200 bytes each. */
const LINES_PER_PAGE = 200

type Asked = { readonly device?: string | undefined; readonly from?: number | undefined }

/** All of a device or a small fleet at once; from `from` on, a page. */
export function listChannels(core: Core, fleet: string, { device, from }: Asked) {
  const numbers = channelsOf(core, fleet, device)
  if (from === undefined) return numbers.map((channel) => reportChannel(core, channel))
  const page = pageOf(numbers, from, CHANNELS_PER_PAGE)
  return { channels: page.rows.map((channel) => reportChannel(core, channel)), next: page.next }
}

function channelsOf(core: Core, fleet: string, device: string | undefined): readonly number[] {
  const members = core.policies.members(fleet)
  const wanted = device === undefined ? members : members.filter((one) => one.device === device)
  return wanted.map(({ channel }) => channel)
}

function pageOf<T>(rows: readonly T[], from: number, length: number) {
  const end = from + length
  return { rows: rows.slice(from, end), next: end < rows.length ? end : null }
}

/** What was ordered for each part of a fleet, and what each has spent. */
export function policyPage(core: Core, fleet: string, from: number) {
  requireFleet(core, fleet)
  const { rows, next } = pageOf(core.policies.scopes(fleet), from, SCOPES_PER_PAGE)
  return { scopes: rows.map((scope) => core.policies.report(fleet, scope)), next }
}

const columns = {
  device: (one) => one.device,
  meter: (one) => one.meter,
  channelId: (one) => one.channelId,
  state: (one) => one.state,
  unit: (one) => one.unit,
  unitsPaid: (one) => one.unitsPaid,
  asset: ({ asset }) => asset.code,
  scale: ({ asset }) => `${asset.scale}`,
  paid: (one) => one.paid,
  reserved: (one) => one.reserved,
  exposure: (one) => one.exposure,
  settled: (one) => one.settled,
  supply: (one) => one.supply,
  reason: (one) => one.reason,
} as const satisfies Readonly<Record<string, (one: ChannelReport) => string>>

/** Nothing in a cell needs quotes: all are names and numbers. Amounts are minor units. */
export function exportPage(core: Core, fleet: string, from: number) {
  requireFleet(core, fleet)
  const { rows, next } = pageOf(channelsOf(core, fleet, undefined), from, LINES_PER_PAGE)
  const lines = rows.map((channel) => lineOf(reportChannel(core, channel)))
  return { lines: from === 0 ? [Object.keys(columns).join(','), ...lines] : lines, next }
}

function lineOf(report: ChannelReport): string {
  return Object.values(columns)
    .map((cell) => cell(report))
    .join(',')
}
