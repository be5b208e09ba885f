/**
 * Which devices a list shows, and in which order.
 * @module
 */
import type { Device, State } from './fleet.ts'

export type Column = 'name' | 'state' | 'spend' | 'paid' | 'exposure' | 'reserved'

export type Wanted = {
  readonly text: string
  readonly state: State | 'all' | 'attention'
  readonly column: Column
  readonly isDescending: boolean
}

/** What is worst comes first. */
const severity: Readonly<Record<State, number>> = { off: 0, limited: 1, offline: 2, on: 3 }

export function chooseDevices(devices: Iterable<Device>, wanted: Wanted): readonly Device[] {
  const text = wanted.text.trim().toLowerCase()
  const chosen: { readonly device: Device; readonly key: number }[] = []
  for (const device of devices) {
    if (!isInState(device, wanted.state)) continue
    if (text !== '' && !matches(device, text)) continue
    chosen.push({ device, key: keyOf(device, wanted.column) })
  }
  const way = wanted.isDescending ? -1 : 1
  chosen.sort((a, b) => way * (a.key - b.key || compareNames(a.device.name, b.device.name)))
  return chosen.map(({ device }) => device)
}

function isInState({ state }: Device, wanted: Wanted['state']): boolean {
  if (wanted === 'all') return true
  return wanted === 'attention' ? state !== 'on' : state === wanted
}

function matches(device: Device, text: string): boolean {
  if (device.name.includes(text) || device.reason.includes(text)) return true
  return device.report.channels.some(({ meter }) => meter.includes(text))
}

function keyOf(device: Device, column: Column): number {
  if (column === 'state') return severity[device.state]
  if (column === 'spend') return device.spendPerHour
  return column === 'name' ? 0 : Number(device.sums[column])
}

/** Names are plain ASCII, so that no language's rules are needed, which cost much more. */
function compareNames(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
