/**
 * The newest values of each of some places of a row, in two bytes each: whole numbers up to 32,767
 * as they are, larger ones to within 0.05 %, which no baseline notices.
 * @module
 */
import type { Rows } from './rows.ts'

/** The code of no value. */
const NONE = 0xffff
const EXACT_MAX = 0x7fff
/** Codes for each doubling above: 38 doublings reach beyond what a number holds exactly. */
const CODES_PER_DOUBLING = 860

/** Not below 0. */
export function packUnits(units: number): number {
  if (units <= EXACT_MAX) return Math.max(0, Math.round(units))
  const code = EXACT_MAX + Math.round(CODES_PER_DOUBLING * Math.log2(units / EXACT_MAX))
  return Math.min(code, NONE - 1)
}

export function unpackUnits(code: number): number {
  if (code <= EXACT_MAX) return code
  return EXACT_MAX * 2 ** ((code - EXACT_MAX) / CODES_PER_DOUBLING)
}

export type Rings = {
  readonly put: (row: number, place: number, units: number) => void
  readonly of: (row: number, place: number) => readonly number[]
}

export function createRings(rows: Rows, places: number, length: number): Rings {
  const kept = rows.strip(places * length, NONE)
  const next = rows.strip(places, 0)
  return {
    put: (row, place, units) => {
      const turn = next.values[row * places + place] ?? 0
      kept.values[(row * places + place) * length + turn] = packUnits(units)
      next.values[row * places + place] = (turn + 1) % length
    },
    of: (row, place) => {
      const from = (row * places + place) * length
      const units: number[] = []
      for (const code of kept.values.subarray(from, from + length)) {
        if (code !== NONE) units.push(unpackUnits(code))
      }
      return units
    },
  }
}

/** One value for each of some places of a row, or none. */
export type Slots = {
  /** What was there before; undefined when there was nothing. */
  readonly swap: (row: number, place: number, units: number) => number | undefined
}

export function createSlots(rows: Rows, places: number): Slots {
  const kept = rows.strip(places, NONE)
  return {
    swap: (row, place, units) => {
      const before = kept.values[row * places + place] ?? NONE
      kept.values[row * places + place] = packUnits(units)
      return before === NONE ? undefined : unpackUnits(before)
    },
  }
}
