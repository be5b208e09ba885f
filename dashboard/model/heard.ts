/**
 * What the page hears from a gateway, and what waits to be shown: of each device only the newest
 * report, so that a page that is slower than its fleet falls behind by one report and no more.
 * @module
 */
import type { DeviceReport, Health } from './reports.ts'
import { parseObject, readDevice, readHealth } from './reports.ts'

export type Heard =
  | { readonly kind: 'report'; readonly report: DeviceReport }
  | { readonly kind: 'health'; readonly health: Health }
  | { readonly kind: 'gateway'; readonly gateway: string; readonly state: string }
  | { readonly kind: 'event'; readonly event: FleetEvent }

export type FleetEvent = {
  readonly event: string
  readonly device: string | undefined
  readonly reason: string | undefined
  /** What the watch says, and what it does. */
  readonly words: string | undefined
  readonly action: string | undefined
  readonly timeSeconds: number | undefined
}

/** Reads a message of one of the topics that a page subscribes to; undefined for any other. */
export function readHeard(topic: string, text: string): Heard | undefined {
  const levels = topic.split('/')
  const last = levels.at(-1)
  if (levels[2] === '_gateway') {
    if (last !== 'health') {
      const state = String(parseObject(text)?.['state'])
      return { kind: 'gateway', gateway: levels[3] ?? '', state }
    }
    const health = readHealth(text)
    return health && { kind: 'health', health }
  }
  if (levels[4] === 'devices') {
    const report = readDevice(text)
    return report && { kind: 'report', report }
  }
  return last === 'event' ? readEvent(text) : undefined
}

function readEvent(text: string): Heard | undefined {
  const fields = parseObject(text)
  if (!fields) return undefined
  const { event, device, reason, words, action, timeSeconds } = fields
  const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return {
    kind: 'event',
    event: {
      event: String(event),
      device: textOf(device),
      reason: textOf(reason),
      words: textOf(words),
      action: textOf(action),
      timeSeconds: typeof timeSeconds === 'number' ? timeSeconds : undefined,
    },
  }
}

export type Backlog = {
  /** By device. */
  readonly reports: Map<string, Heard>
  readonly others: Heard[]
}

/** Events beyond this are older than anybody reads. */
const OTHERS_MAX = 1_000

export function createBacklog(): Backlog {
  return { reports: new Map(), others: [] }
}

export function addHeard({ reports, others }: Backlog, heard: Heard): void {
  if (heard.kind === 'report') {
    reports.set(heard.report.device, heard)
    return
  }
  others.push(heard)
  if (others.length > OTHERS_MAX) others.shift()
}

/** Takes what is shown next: at most `reportsMax` reports, those that wait longest first. */
export function takeHeard({ reports, others }: Backlog, reportsMax: number): readonly Heard[] {
  const taken = others.splice(0)
  const end = taken.length + reportsMax
  for (const [device, heard] of reports) {
    if (taken.length === end) break
    taken.push(heard)
    reports.delete(device)
  }
  return taken
}

export function isEmpty({ reports, others }: Backlog): boolean {
  return reports.size === 0 && others.length === 0
}
