/**
 * What flows through the meter, counted exactly: the result of many small steps equals that of one
 * long step, because every amount is a difference of one whole-numbered running total.
 * @module
 */
import { assert, present } from '../protocol/assert.ts'
import { nextEpisode, type Profile, profileWaits, type Segment } from './profiles.ts'

/** Twice the milliseconds of an hour: halves come from the area under a slope. */
const partsPerUnit = 7_200_000n
const dayMs = 86_400_000

/** A load in the middle of a segment. All numbers are whole. */
export type Load = {
  readonly profile: Profile
  /** The segment that runs, then what is planned after it; never empty. */
  readonly plan: readonly Segment[]
  /** Time spent in the running segment. */
  readonly atMs: number
  readonly random: number
  readonly dayMs: number
  /** Parts of a unit that flowed and make no whole unit yet. */
  readonly carry: bigint
}

export type Flow = { readonly load: Load; readonly units: bigint; readonly usedMs: number }

/** The load at the start of its first episode, at `startDayMs` after midnight. */
export function startLoad(profile: Profile, seed: number, startDayMs: number): Load {
  const episode = nextEpisode(profile, seed >>> 0, startDayMs)
  const { segments, random } = episode
  return { profile, plan: segments, atMs: 0, random, dayMs: startDayMs, carry: 0n }
}

/**
 * Lets the load run for `ms`, at most until `unitsMax` units have flowed: there it stops in that
 * millisecond, and what is less than a unit is gone, as with a relay that opens.
 */
export function flow(load: Load, ms: number, unitsMax: bigint): Flow {
  assert(Number.isSafeInteger(ms) && ms >= 0, 'time goes forward in whole milliseconds')
  let current = load
  let units = 0n
  let usedMs = 0
  while (usedMs < ms && units < unitsMax) {
    const { segment, leftMs } = running(current)
    const stepMs = Math.min(ms - usedMs, leftMs)
    const wanted = (unitsMax - units) * partsPerUnit - current.carry
    const parts = partsBetween(segment, current.atMs, current.atMs + stepMs)
    const reached = parts >= wanted
    const takenMs = reached ? msUntil(segment, current.atMs, stepMs, wanted) : stepMs
    const total = current.carry + (reached ? wanted : parts)
    units += total / partsPerUnit
    usedMs += takenMs
    current = { ...passed(current, takenMs), carry: reached ? 0n : total % partsPerUnit }
  }
  return { load: current, units, usedMs }
}

/** Time passes with the relay open: some loads wait for it, others live on without. */
export function passWithoutFlow(load: Load, ms: number): Load {
  if (profileWaits(load.profile)) return load
  let current = load
  for (let leftMs = ms; leftMs > 0; ) {
    const stepMs = Math.min(leftMs, running(current).leftMs)
    current = passed(current, stepMs)
    leftMs -= stepMs
  }
  return current
}

/** Base units per hour at this moment, were the relay closed. */
export function rateNow(load: Load): number {
  const { segment } = running(load)
  const slope = (segment.toRate - segment.fromRate) / segment.durationMs
  return Math.max(0, Math.round(segment.fromRate + slope * load.atMs))
}

function running(load: Load): { readonly segment: Segment; readonly leftMs: number } {
  const segment = present(load.plan[0], 'a load always has a running segment')
  return { segment, leftMs: segment.durationMs - load.atMs }
}

/** The load `ms` later within its running segment, or at the start of the next one. */
function passed(load: Load, ms: number): Load {
  const { leftMs } = running(load)
  assert(ms <= leftMs, 'a step ends with its segment')
  const later = { ...load, dayMs: (load.dayMs + ms) % dayMs, atMs: load.atMs + ms }
  if (ms < leftMs) return later
  const plan = load.plan.slice(1)
  if (plan.length > 0) return { ...later, plan, atMs: 0 }
  const { segments, random } = nextEpisode(load.profile, load.random, later.dayMs)
  return { ...later, plan: segments, random, atMs: 0 }
}

/** Parts of units under the line from `fromMs` to `toMs`. */
function partsBetween(segment: Segment, fromMs: number, toMs: number): bigint {
  return partsUntil(segment, toMs) - partsUntil(segment, fromMs)
}

function partsUntil(segment: Segment, ms: number): bigint {
  const time = BigInt(ms)
  const rise = BigInt(segment.toRate - segment.fromRate)
  return 2n * BigInt(segment.fromRate) * time + (rise * time * time) / BigInt(segment.durationMs)
}

/** The first millisecond count, at most `stepMs`, after which `wanted` parts have flowed. */
function msUntil(segment: Segment, fromMs: number, stepMs: number, wanted: bigint): number {
  let low = 0
  let high = stepMs
  while (low < high) {
    const middle = (low + high) >> 1
    if (partsBetween(segment, fromMs, fromMs + middle) >= wanted) high = middle
    else low = middle + 1
  }
  return high
}
