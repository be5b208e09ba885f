/**
 * What a rule of the watch is: named thresholds, and for each device a watcher that is shown one
 * observation after the other. A watcher is a function of what it was shown and of nothing else;
 * its state is bounded, and an observation costs it the same however long it has watched.
 * @module
 */
import type { Action } from './actions.ts'
import type { DeviceObservation, MeterObservation } from './observation.ts'

export type Threshold = {
  readonly value: number
  readonly unit: string
  readonly about: string
}

/** Words for people when what is seen gives cause, and undefined otherwise. */
export type Watcher = (seen: DeviceObservation) => string | undefined

export type Limits = Readonly<Record<string, number>>

export type Rule = {
  readonly about: string
  readonly thresholds: Readonly<Record<string, Threshold>>
  /**
   * The most that it may lead to: `notify` where anybody can bring the finding about, `limit` where
   * it only suspects.
   */
  readonly strongest: Action
  readonly begin: (limits: Limits) => Watcher
}

/** Ties the limits that `begin` gets to the thresholds by name. */
export function defineRule<const T extends string>(rule: {
  readonly about: string
  readonly strongest?: Action
  readonly thresholds: Readonly<Record<T, Threshold>>
  readonly begin: (limits: Readonly<Record<T, number>>) => Watcher
}): Rule {
  return { strongest: 'quarantine', ...rule, begin: rule.begin as Rule['begin'] }
}

export function threshold(value: number, unit: string, about: string): Threshold {
  return { value, unit, about }
}

/** Meters of a device that are watched; no device has more slots. */
const METERS_MAX = 64

type MeterWatcher = (meter: MeterObservation, seen: DeviceObservation) => string | undefined

/** A watcher of its own for every meter, and a new one when a slot is given to another channel. */
export function eachMeter(begin: () => MeterWatcher): Watcher {
  const watchers: { readonly channel: number; readonly watch: MeterWatcher }[] = []
  return (seen) => {
    let found: string | undefined
    const count = Math.min(seen.meters.length, METERS_MAX)
    for (let slot = 0; slot < count; slot++) {
      const meter = seen.meters[slot]
      if (!meter) continue
      let known = watchers[slot]
      if (known?.channel !== meter.channel) {
        known = { channel: meter.channel, watch: begin() }
        watchers[slot] = known
      }
      found = known.watch(meter, seen) ?? found
    }
    return found
  }
}

/** True while `count` events lie within the last `windowSeconds`; keeps `count` times. */
export function createBurst(
  count: number,
  windowSeconds: number,
): (total: number, atSeconds: number) => boolean {
  const times: number[] = []
  let before = 0
  return (total, atSeconds) => {
    const more = total - before
    before = total
    for (let i = 0; i < Math.min(more, count); i++) times.push(atSeconds)
    while (times.length > count) times.shift()
    const first = times[0]
    return times.length === count && first !== undefined && atSeconds - first <= windowSeconds
  }
}

/** For words: at most three significant digits. */
export function shown(value: number): string {
  return `${Number(value.toPrecision(3))}`
}
