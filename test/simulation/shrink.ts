/**
 * Finds a short plan that still violates the same invariant, by leaving out what is not needed
 * (delta debugging, after Zeller and Hildebrandt, 2002). Faults carry their own chance, so leaving
 * one out changes no other.
 * @module
 */
import type { Plan } from './plan.ts'
import type { Invariant } from './record.ts'
import { runPlan } from './run.ts'

/** Which parts of a seed's plan are carried out. */
export type Part = {
  /** Places of faults in the plan. */
  readonly keep: readonly number[]
  readonly without: readonly string[]
}

export function wholePlan(plan: Plan): Part {
  return { keep: plan.faults.map((_, place) => place), without: [] }
}

export function partOf(plan: Plan, { keep, without }: Part): Plan {
  return {
    ...plan,
    faults: plan.faults.filter((_, place) => keep.includes(place)),
    devices: plan.devices.filter(({ device }) => !without.includes(device)),
  }
}

const runsMax = 150
/** A search that takes longer ends with what it has. */
const searchMs = 20_000

export type Fails = (plan: Plan) => Promise<boolean>

/** True for plans that violate `invariant`. */
export function failsBy(invariant: Invariant): Fails {
  return async (plan) => {
    const { violations } = await runPlan(plan)
    return violations.some((one) => one.invariant === invariant)
  }
}

/** The shortest part found within a bounded number of runs. */
export async function shrink(plan: Plan, fails: Fails): Promise<Part> {
  const endMs = performance.now() + searchMs
  let runs = 0
  const stillFails = async (part: Part) => {
    runs += 1
    return runs <= runsMax && performance.now() < endMs && (await fails(partOf(plan, part)))
  }
  let part = wholePlan(plan)
  for (const { device } of plan.devices) {
    const smaller = { ...part, without: [...part.without, device] }
    if (await stillFails(smaller)) part = smaller
  }
  for (let pieces = 2; part.keep.length > 0 && runs < runsMax && performance.now() < endMs; ) {
    const smaller = await withoutOnePiece(part, pieces, stillFails)
    if (smaller) {
      part = smaller
      pieces = Math.max(2, pieces - 1)
    } else {
      if (pieces >= part.keep.length) break
      pieces = Math.min(part.keep.length, pieces * 2)
    }
  }
  return part
}

async function withoutOnePiece(
  part: Part,
  pieces: number,
  stillFails: (part: Part) => Promise<boolean>,
): Promise<Part | undefined> {
  const size = Math.ceil(part.keep.length / pieces)
  for (let from = 0; from < part.keep.length; from += size) {
    const keep = part.keep.filter((_, at) => at < from || at >= from + size)
    const smaller = { ...part, keep }
    if (await stillFails(smaller)) return smaller
  }
  return undefined
}
