/**
 * What somebody should look at now, in words, worst first.
 * @module
 */
import { findingAlarms } from './findings.ts'
import type { Device, Fleet } from './fleet.ts'

export type Alarm = {
  readonly level: 'bad' | 'warning'
  readonly text: string
  /** What to do about it. */
  readonly advice: string
  readonly device: string | undefined
}

/** More than anybody reads; the rest is counted. */
export const ALARMS_MAX = 50
const NEARLY_USED_PERCENT = 90n
const EXPIRY_WARNING_SECONDS = 3_600

/** Pauses are somebody's will, and no alarm. */
const wanted: ReadonlySet<string> = new Set(['', 'ok', 'paused', 'closed'])

const adviceFor: Readonly<Record<string, string>> = {
  not_paying: 'it uses and does not pay: look at its agent and its meter',
  over_limit: 'its limit is reached: the fleet signs a higher mandate',
  fenced: 'an older backup was restored: it goes on by itself with its next checkpoint',
  mandate_expired: 'its mandate has expired: is the service of the fleet running?',
  no_mandate: 'it has no mandate: the fleet signs one',
  no_space: "the gateway's disk is nearly full: free some space",
  clone_suspected: 'two devices may be using one key: look at it, then rotate its key',
  commitment_expired: 'it should commit again by itself: look at its agent if it does not',
  price_ceiling: 'the price is above what the fleet allows',
}

/** The alarms of devices, kept as reports come: nobody goes through ten thousand to draw a page. */
export type AlarmBook = {
  /** By device, which is in one of the two: that of its worst alarm. */
  readonly bad: Map<string, readonly Alarm[]>
  readonly warning: Map<string, readonly Alarm[]>
  count: number
}

export function createAlarmBook(): AlarmBook {
  return { bad: new Map(), warning: new Map(), count: 0 }
}

/** Notes what is to be said of a device now; true when that is something else than before. */
export function noteAlarms(book: AlarmBook, device: Device, nowSeconds: number): boolean {
  const { name } = device
  const before = book.bad.get(name) ?? book.warning.get(name)
  const after = [...deviceAlarms(device, nowSeconds)]
  if (isSame(before ?? [], after)) return false
  book.count += after.length - (before?.length ?? 0)
  const level = after.some((one) => one.level === 'bad') ? 'bad' : 'warning'
  // In its place where it has one: a list that people read must not jump.
  if (level === 'bad' || after.length === 0) book.warning.delete(name)
  if (level === 'warning' || after.length === 0) book.bad.delete(name)
  if (after.length > 0) book[level].set(name, after)
  return true
}

function isSame(before: readonly Alarm[], after: readonly Alarm[]): boolean {
  return before.length === after.length && before.every(({ text }, at) => text === after[at]?.text)
}

/** The worst alarms, at most `ALARMS_MAX`, and how many there are in all. */
export function worstAlarms(fleet: Fleet): {
  readonly shown: readonly Alarm[]
  readonly count: number
} {
  const { bad, warning, count } = fleet.alarms
  const first = [...gatewayAlarms(fleet), ...findingAlarms(fleet)]
  const shown = first.slice(0, ALARMS_MAX)
  for (const level of [bad, warning]) {
    for (const alarms of level.values()) {
      if (shown.length >= ALARMS_MAX) break
      shown.push(...alarms.slice(0, ALARMS_MAX - shown.length))
    }
  }
  return { shown, count: first.length + count }
}

function* gatewayAlarms(fleet: Fleet): Generator<Alarm> {
  const bad = (text: string, advice: string): Alarm => ({
    level: 'bad',
    text,
    advice,
    device: undefined,
  })
  for (const [gateway, state] of fleet.gateways) {
    if (state !== 'online') yield bad(`${gateway} is ${state}`, 'start it again')
  }
  for (const { gateway, isSpaceLow, quarantined } of fleet.health.values()) {
    if (isSpaceLow) yield bad(`${gateway} has little disk space left`, 'free some space')
    if (quarantined > 0) {
      const text = `${gateway} cannot settle ${quarantined} of its claims`
      yield bad(text, 'its log says why; the others settle')
    }
  }
}

function* deviceAlarms(device: Device, nowSeconds: number): Generator<Alarm> {
  const { name, state, reason, report, sums } = device
  if ((state === 'off' || state === 'limited') && !wanted.has(reason)) {
    const advice = adviceFor[reason] ?? 'look at its channels'
    const text = `${name}: supply is ${state}, ${reason.replaceAll('_', ' ')}`
    yield { level: state === 'off' ? 'bad' : 'warning', text, advice, device: name }
  }
  if (state === 'offline' && sums.exposure > 0n) {
    const advice = 'look at its network; what it owes settles without it'
    yield { level: 'warning', text: `${name} is offline`, advice, device: name }
  }
  for (const { isClosed, limit, paid, mandateExpiry, meter } of report.channels) {
    if (isClosed || limit === undefined || mandateExpiry === undefined) continue
    if (paid * 100n >= limit * NEARLY_USED_PERCENT && limit > 0n && reason !== 'over_limit') {
      const text = `${name} has used ${(paid * 100n) / limit} % of its limit at ${meter}`
      const advice = 'the fleet signs a higher mandate before it is used up'
      yield { level: 'warning', text, advice, device: name }
    }
    const left = mandateExpiry - nowSeconds
    if (left > 0 && left < EXPIRY_WARNING_SECONDS) {
      const text = `${name}: its mandate ends within the hour`
      yield { level: 'warning', text, advice: 'is the service of the fleet running?', device: name }
    }
  }
}
