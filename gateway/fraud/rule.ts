/**
 * What a rule of the watch is: named thresholds, and a watcher that is shown one observation of a
 * device after the other. What it says of a device is a function of what it was shown of that one
 * and of nothing else; what it keeps of each are columns, so that thousands cost no object, and an
 * observation costs the same however long a device has been watched.
 * @module
 */
import type { Action } from './actions.ts'
import type { DeviceObservation, MeterObservation } from './observation.ts'
import { at, put, type Rows } from './rows.ts'

export type Threshold = {
  readonly value: number
  readonly unit: string
  readonly about: string
}

/** Where rules keep what they know of devices, of meters, and of what is usual for a meter. */
export type Memory = { readonly devices: Rows; readonly meters: Rows; readonly baselines: Rows }

/**
 * Words for people when what is seen gives cause, and undefined otherwise; `rows` are those of the
 * meters, by slot, as far as there was room.
 */
export type Watcher = (
  seen: DeviceObservation,
  device: number,
  rows: readonly number[],
) => string | undefined

export type Limits = Readonly<Record<string, number>>

export type Rule = {
  readonly about: string
  readonly thresholds: Readonly<Record<string, Threshold>>
  /**
   * The most that it may lead to: `notify` where anybody can bring the finding about, `limit` where
   * it only suspects.
   */
  readonly strongest: Action
  readonly begin: (limits: Limits, memory: Memory) => Watcher
}

/** Ties the limits that `begin` gets to the thresholds by name. */
export function defineRule<const T extends string>(rule: {
  readonly about: string
  readonly strongest?: Action
  readonly thresholds: Readonly<Record<T, Threshold>>
  readonly begin: (limits: Readonly<Record<T, number>>, memory: Memory) => Watcher
}): Rule {
  return { strongest: 'quarantine', ...rule, begin: rule.begin as Rule['begin'] }
}

export function threshold(value: number, unit: string, about: string): Threshold {
  return { value, unit, about }
}

type MeterWatcher = (
  meter: MeterObservation,
  row: number,
  seen: DeviceObservation,
) => string | undefined

/** Watches each meter that has a row. */
export function eachMeter(watch: MeterWatcher): Watcher {
  return (seen, _, rows) => {
    let found: string | undefined
    for (let slot = 0; slot < rows.length; slot++) {
      const meter = seen.meters[slot]
      const row = rows[slot]
      if (meter && row !== undefined) found = watch(meter, row, seen) ?? found
    }
    return found
  }
}

type Burst = (row: number, total: number, atSeconds: number) => boolean

/**
 * True while `count` events lie within the last `windowSeconds`; keeps `count` times of rows that
 * have had an event lately, and one number of the others.
 */
export function createBurst(rows: Rows, count: number, windowSeconds: number): Burst {
  const before = rows.column(0)
  const timesOf = new Map<number, number[]>()
  rows.onForget((row) => {
    timesOf.delete(row)
  })
  return (row, total, atSeconds) => {
    const more = total - at(before, row)
    put(before, row, total)
    const times = timesOf.get(row) ?? []
    if (more <= 0 && times.length === 0) return false
    for (let i = 0; i < Math.min(more, count); i++) times.push(atSeconds)
    while (times.length > count) times.shift()
    const isOver = atSeconds - (times.at(-1) ?? 0) > windowSeconds
    if (isOver) timesOf.delete(row)
    else timesOf.set(row, times)
    const first = times[0]
    return times.length === count && first !== undefined && atSeconds - first <= windowSeconds
  }
}

/** For words: at most three significant digits. */
export function shown(value: number): string {
  return `${Number(value.toPrecision(3))}`
}
