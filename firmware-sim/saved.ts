/**
 * What survives the meter's death: its counter and where its load was, as JSON text.
 * @module
 */
import { type Load, startLoad } from './load.ts'
import type { MeterSetup, MeterState } from './meter.ts'
import { newMeter } from './meter.ts'
import type { Segment } from './profiles.ts'

const savedVersion = 1

type FieldName =
  | 'version'
  | 'supplied'
  | 'hidden'
  | 'carry'
  | 'frozen'
  | 'load'
  | 'kind'
  | 'plan'
  | 'atMs'
  | 'random'
  | 'dayMs'
  | 'durationMs'
  | 'fromRate'
  | 'toRate'
type Fields = Readonly<Partial<Record<FieldName, unknown>>>

/** The lasting part of `state`. */
export function savedText(state: MeterState): string {
  const { supplied, hidden, frozen, load } = state
  const decimals = { supplied: `${supplied}`, hidden: `${hidden}`, carry: `${load.carry}` }
  const { plan, atMs, random, dayMs } = load
  const story = { kind: load.profile.kind, plan, atMs, random, dayMs }
  const stuck = frozen === undefined ? {} : { frozen: `${frozen}` }
  return JSON.stringify({ version: savedVersion, ...decimals, ...stuck, load: story })
}

/**
 * The meter as it comes up again: counter kept, relay open. A load of another kind starts anew.
 * Undefined when `text` is no saved state of this version.
 */
export function restoreMeter(text: string, setup: MeterSetup): MeterState | undefined {
  const saved = parseObject(text)
  if (saved?.version !== savedVersion) return undefined
  const supplied = decimal(saved.supplied)
  const hidden = decimal(saved.hidden)
  const carry = decimal(saved.carry)
  if (supplied === undefined || hidden === undefined || carry === undefined) return undefined
  const frozen = decimal(saved.frozen)
  const load = restoreLoad(saved.load, setup, carry)
  return { ...newMeter(setup), supplied, hidden, frozen, load }
}

function restoreLoad(value: unknown, setup: MeterSetup, carry: bigint): Load {
  const fresh = startLoad(setup.profile, setup.seed, setup.startDayMs)
  if (!isObject(value) || value.kind !== setup.profile.kind) return fresh
  const { plan, atMs, random, dayMs } = value
  const whole = isWhole(atMs) && isWhole(random) && isWhole(dayMs)
  if (!whole || !Array.isArray(plan) || plan.length === 0 || !plan.every(isSegment)) return fresh
  if (setup.profile.kind === 'steady') return { ...fresh, carry }
  return { profile: setup.profile, plan, atMs, random, dayMs, carry }
}

function isSegment(value: unknown): value is Segment {
  if (!isObject(value)) return false
  return isWhole(value.durationMs) && isWhole(value.fromRate) && isWhole(value.toRate)
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function decimal(value: unknown): bigint | undefined {
  if (typeof value !== 'string' || !/^-?\d{1,39}$/.test(value)) return undefined
  return BigInt(value)
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
