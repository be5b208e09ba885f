/**
 * A gateway live, as lines of text: a pure function of what is known and of the width.
 * @module
 */
import { type Asset, formatAmount } from '../../protocol/amount.ts'
import type { SupplyLevel, SupplyReason } from '../../protocol/reasons.ts'
import { grouped } from '../table.ts'
import type { Style } from '../terminal.ts'

export type DeviceView = {
  readonly device: string
  /** What kind of meter, or what it is called. */
  readonly meter: string
  readonly unit: string
  /** Units that flowed since its channel began. */
  readonly units: bigint
  readonly paid: bigint
  readonly reserved: bigint
  readonly unitsUnpaid: bigint
  readonly creditUnits: bigint
  readonly supply: SupplyLevel
  readonly reason: SupplyReason
}

export type LiveView = {
  readonly title: string
  readonly elapsedSeconds: number
  /** Undefined: until somebody stops it. */
  readonly forSeconds: number | undefined
  /** Which gateway, or how its meters are read. */
  readonly place: string
  readonly asset: Asset
  readonly devices: readonly DeviceView[]
  /** How many there are beside `devices`. */
  readonly unseen: number
  readonly ticks: number
  readonly ticksPerSecond: number
  readonly accepted: bigint
  readonly settled: bigint
  readonly settlements: number
  /** Undefined before the first one. */
  readonly sinceSettlementSeconds: number | undefined
  /** Messages by the reason for which they were refused. */
  readonly refused: Readonly<Record<string, number>>
  /** What is going on while nothing flows yet, or what is wrong. */
  readonly note: string
}

type Cell = {
  readonly title: string
  readonly align: 'left' | 'right'
  /** Columns with the highest number go first when the screen is narrow. */
  readonly rank: number
  readonly text: (device: DeviceView, asset: Asset) => string
}

const barChars = 10

const cells: readonly Cell[] = [
  { title: 'device', align: 'left', rank: 0, text: ({ device }) => device },
  { title: 'meter', align: 'left', rank: 5, text: ({ meter }) => meter },
  { title: 'units', align: 'right', rank: 1, text: (one) => `${grouped(one.units)} ${one.unit}` },
  { title: 'paid', align: 'right', rank: 0, text: ({ paid }, asset) => formatAmount(paid, asset) },
  {
    title: 'reserved',
    align: 'right',
    rank: 4,
    text: ({ reserved }, asset) => formatAmount(reserved, asset),
  },
  { title: 'credit used', align: 'left', rank: 3, text: creditText },
  { title: 'supply', align: 'left', rank: 2, text: supplyText },
]

/** Lines of the whole view, none longer than `columns`. */
export function viewLines(view: LiveView, columns: number, style: Style): readonly string[] {
  const chosen = fitting(view, columns)
  const widths = chosen.map((cell) => widthOf(cell, view))
  const line = (texts: readonly string[]) =>
    texts
      .map((text, place) => padded(text, widths[place] ?? 0, chosen[place]?.align ?? 'left'))
      .join('  ')
      .trimEnd()
  const rows = view.devices.map((device) => ({
    device,
    text: line(chosen.map((cell) => cell.text(device, view.asset))),
  }))
  return [
    style('bold', cut(titleText(view), columns)),
    '',
    style('dim', cut(line(chosen.map(({ title }) => title)), columns)),
    ...rows.map(({ device, text }) => coloured(device, cut(text, columns), style)),
    ...(view.unseen > 0
      ? [style('dim', cut(`... and ${grouped(view.unseen)} more`, columns))]
      : []),
    '',
    cut(ticksText(view), columns),
    cut(settlementText(view), columns),
    ...refusedTexts(view).map((text) => cut(text, columns)),
    style('dim', cut(view.note, columns)),
  ]
}

/** One line, for a place that is no screen. */
export function plainLine(view: LiveView): string {
  const devices = view.devices.map((one) => {
    const supply = supplyText(one)
    return `${one.device} ${one.units} ${one.unit} ${formatAmount(one.paid, view.asset)} ${supply}`
  })
  const rate = `${view.ticksPerSecond.toFixed(1)} ticks/s`
  const settled = `settled ${formatAmount(view.settled, view.asset)} in ${view.settlements}`
  return [clock(view.elapsedSeconds), ...devices, rate, settled].join(' | ')
}

/** `1:05` */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

/** A bar of how much of the credit window is used, never longer than full. */
export function creditBar(used: bigint, window: bigint): string {
  if (window <= 0n) return '░'.repeat(barChars)
  const share = used >= window ? BigInt(barChars) : (used * BigInt(barChars) + window - 1n) / window
  const full = Number(share < 0n ? 0n : share)
  return '█'.repeat(full) + '░'.repeat(barChars - full)
}

function creditText({ unitsUnpaid, creditUnits, unit }: DeviceView): string {
  return `${creditBar(unitsUnpaid, creditUnits)} ${unitsUnpaid}/${creditUnits} ${unit}`
}

function supplyText({ supply, reason }: DeviceView): string {
  return reason === 'ok' ? supply : `${supply} (${reason})`
}

function titleText(view: LiveView): string {
  const end = view.forSeconds === undefined ? '' : ` of ${clock(view.forSeconds)}`
  return `${view.title}   ${clock(view.elapsedSeconds)}${end}   ${view.place}`
}

function ticksText(view: LiveView): string {
  const accepted = formatAmount(view.accepted, view.asset)
  return `${grouped(view.ticks)} ticks, ${view.ticksPerSecond.toFixed(1)}/s, worth ${accepted}`
}

function settlementText(view: LiveView): string {
  const { settlements, settled, sinceSettlementSeconds } = view
  if (sinceSettlementSeconds === undefined) return 'nothing settled yet'
  const times = settlements === 1 ? '1 settlement' : `${settlements} settlements`
  const since = `the last ${Math.round(sinceSettlementSeconds)} s ago`
  return `settled ${formatAmount(settled, view.asset)} in ${times}, ${since}`
}

/** No line while nothing was refused. */
function refusedTexts({ refused }: LiveView): readonly string[] {
  const reasons = Object.entries(refused).filter(([, count]) => count > 0)
  if (reasons.length === 0) return []
  return [`refused: ${reasons.map(([reason, count]) => `${reason} ${grouped(count)}`).join(', ')}`]
}

function coloured(device: DeviceView, line: string, style: Style): string {
  if (device.supply === 'on') return line
  return style(device.supply === 'off' ? 'red' : 'yellow', line)
}

function fitting(view: LiveView, columns: number): readonly Cell[] {
  let chosen = cells
  while (totalWidth(chosen, view) > columns && chosen.length > 1) {
    const highest = Math.max(...chosen.map(({ rank }) => rank))
    const last = chosen.findLastIndex(({ rank }) => rank === highest)
    chosen = chosen.filter((_, place) => place !== last)
  }
  return chosen
}

function totalWidth(chosen: readonly Cell[], view: LiveView): number {
  return chosen.reduce((sum, cell) => sum + widthOf(cell, view) + 2, -2)
}

function widthOf(cell: Cell, view: LiveView): number {
  const texts = view.devices.map((device) => cell.text(device, view.asset))
  return Math.max(cell.title.length, ...texts.map(({ length }) => length))
}

function padded(text: string, width: number, align: Cell['align']): string {
  return align === 'left' ? text.padEnd(width) : text.padStart(width)
}

function cut(line: string, columns: number): string {
  return line.length > columns ? line.slice(0, columns) : line
}
