/**
 * All rules over the observations of devices, in memory that is flat and bounded. What goes on is
 * found once, and told again only after a while.
 * @module
 */
import { CHANNELS_PER_DEVICE_MAX } from '../../protocol/limits.ts'
import type { DeviceObservation } from './observation.ts'
import { at, type Column, createRows, NO_ROW, put, type Rows } from './rows.ts'
import type { Limits, Memory, Watcher } from './rule.ts'
import { type RuleName, ruleNames, rules } from './rules.ts'

export type Finding = {
  readonly rule: RuleName
  /** What was seen, for people. */
  readonly words: string
  readonly atSeconds: number
  /** `again`: it goes on and is told once more; `known`: it goes on, and was told lately. */
  readonly kind: 'new' | 'again' | 'known'
}

/** How each rule is set; a rule that is absent does not watch. */
export type RuleLimits = { readonly [Name in RuleName]?: Limits }

/** What was seen gives rise to these findings, mostly none. */
export type DeviceWatch = (seen: DeviceObservation) => readonly Finding[]

/** How many are watched at most. */
export type WatchBounds = {
  readonly devices: number
  readonly meters: number
  /** Meters of which it is known what is usual. */
  readonly baselines: number
}

/** How many are watched, and of which there is no room for more. */
export type WatchUse = WatchBounds & {
  /** Meters of watched devices that no rule sees. */
  readonly metersBeyond: number
  /** Bytes of one device, one meter, and what is usual for one. */
  readonly bytes: WatchBounds
}

export type Watches = {
  readonly devices: Rows
  readonly meters: Rows
  /** Row of a device; `NO_ROW` when there is no room. */
  readonly begin: () => number
  readonly end: (device: number) => void
  /** Rows of the meters on these channels, by slot; fewer where there is no room for all. */
  readonly metersOf: (device: number, channels: readonly number[]) => readonly number[]
  /** The same as when it was last asked. */
  readonly lastMetersOf: (device: number) => readonly number[]
  /** Channel of a meter. */
  readonly channelOf: (row: number) => number
  readonly look: (
    device: number,
    seen: DeviceObservation,
    rows: readonly number[],
  ) => readonly Finding[]
  readonly use: () => WatchUse
}

/** A finding that goes on is told again after this. */
export const REPEAT_SECONDS = 3_600
/** A finding that was not seen for so long has ended: the next one is a new one. */
const ENDED_SECONDS = 600

type Running = {
  readonly rule: RuleName
  readonly watch: Watcher
  readonly told: Column
  readonly seen: Column
}

const none: readonly Finding[] = []
const noRows: readonly number[] = []

/** The thresholds of a rule, those of `change` in place of its own. */
export function limitsOf(rule: RuleName, change: Limits = {}): Limits {
  const own = Object.entries(rules[rule].thresholds).map(([name, { value }]) => [name, value])
  return { ...Object.fromEntries(own), ...change }
}

/** Every rule with the thresholds that it comes with. */
export function allLimits(): RuleLimits {
  return Object.fromEntries(ruleNames.map((rule) => [rule, limitsOf(rule)]))
}

/** The watch over one device. */
export function createDeviceWatch(limits: RuleLimits): DeviceWatch {
  const most = CHANNELS_PER_DEVICE_MAX
  const watches = createWatches(limits, { devices: 1, meters: most, baselines: most })
  const device = watches.begin()
  return (seen) => {
    const channels = seen.meters.map(({ channel }) => channel)
    return watches.look(device, seen, watches.metersOf(device, channels))
  }
}

export function createWatches(limits: RuleLimits, bounds: WatchBounds): Watches {
  const memory = {
    devices: createRows(bounds.devices),
    meters: createRows(bounds.meters),
    baselines: createRows(bounds.baselines),
  }
  const running = runningRules(limits, memory)
  const slots = createSlotRows(memory)
  return {
    ...memory,
    begin: memory.devices.take,
    end: memory.devices.give,
    metersOf: slots.adopt,
    lastMetersOf: slots.of,
    channelOf: slots.channelOf,
    look: (device, seen, rows) => {
      let found: Finding[] | undefined
      for (const one of running) {
        const words = one.watch(seen, device, rows)
        if (words === undefined) continue
        found ??= []
        found.push(findingOf(one, device, words, seen.atSeconds))
      }
      return found ?? none
    },
    use: () => ({
      ...ofEach(memory, (rows) => rows.count()),
      metersBeyond: slots.beyond(),
      bytes: ofEach(memory, (rows) => rows.rowBytes()),
    }),
  }
}

function ofEach({ devices, meters, baselines }: Memory, read: (rows: Rows) => number): WatchBounds {
  return { devices: read(devices), meters: read(meters), baselines: read(baselines) }
}

function runningRules(limits: RuleLimits, memory: Memory): readonly Running[] {
  const never = Number.NEGATIVE_INFINITY
  return ruleNames.flatMap((rule) => {
    const own = limits[rule]
    if (!own) return []
    const [told, seen] = [memory.devices.column(never), memory.devices.column(never)]
    return [{ rule, watch: rules[rule].begin(own, memory), told, seen }]
  })
}

/** Which rows the meters of a device have: anew for a slot that is given to another channel. */
function createSlotRows({ devices, meters }: Memory) {
  const rowsOf: number[][] = []
  const channels = meters.column(0)
  const beyondOf = devices.column(0)
  let beyond = 0
  const noteBeyond = (device: number, count: number) => {
    beyond += count - at(beyondOf, device)
    put(beyondOf, device, count)
  }
  const cut = (own: number[], length: number) => {
    while (own.length > length) meters.give(own.pop() ?? NO_ROW)
  }
  devices.onForget((device) => {
    noteBeyond(device, 0)
    cut(rowsOf[device] ?? [], 0)
  })
  return {
    of: (device: number): readonly number[] => rowsOf[device] ?? noRows,
    channelOf: (row: number) => at(channels, row),
    beyond: () => beyond,
    adopt: (device: number, wanted: readonly number[]): readonly number[] => {
      const own = rowsOf[device] ?? []
      rowsOf[device] = own
      const count = Math.min(wanted.length, CHANNELS_PER_DEVICE_MAX)
      cut(own, count)
      for (let slot = 0; slot < count; slot++) {
        const channel = wanted[slot] ?? 0
        const row = own[slot] ?? meters.take()
        if (row === NO_ROW) break
        if (own[slot] === undefined) own.push(row)
        else if (at(channels, row) !== channel) meters.renew(row)
        put(channels, row, channel)
      }
      noteBeyond(device, count - own.length)
      return own
    },
  }
}

function findingOf(one: Running, device: number, words: string, atSeconds: number): Finding {
  const goesOn = atSeconds - at(one.seen, device) < ENDED_SECONDS
  put(one.seen, device, atSeconds)
  const finding = { rule: one.rule, words, atSeconds }
  if (goesOn && atSeconds - at(one.told, device) < REPEAT_SECONDS) {
    return { ...finding, kind: 'known' }
  }
  put(one.told, device, atSeconds)
  return { ...finding, kind: goesOn ? 'again' : 'new' }
}
