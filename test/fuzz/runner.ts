/**
 * Runs a target, and makes what it finds small: pieces are left out and bytes become zero for as
 * long as something stays wrong.
 * @module
 */
import { bytesToHex, concatBytes } from '../../protocol/bytes.ts'
import { seededDice, seedOf } from './dice.ts'
import type { Target } from './target.ts'

export type Finding = {
  readonly target: string
  readonly seed: number
  /** Which of the seed's inputs it was. */
  readonly run: number
  readonly input: Uint8Array
  readonly problem: string
}

export type Outcome = { readonly runs: number; readonly finding: Finding | undefined }

const SHRINK_TRIES_MAX = 3_000

/** What is wrong with one input; what the target throws included. */
export async function tryInput(target: Target, input: Uint8Array): Promise<string | undefined> {
  try {
    return await target.check(input.slice())
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

/** The inputs of a seed, one after another, until `isEnough` or one is found. */
export async function fuzzTarget(
  target: Target,
  seed: number,
  isEnough: (runs: number) => boolean,
): Promise<Outcome> {
  let run = 0
  for (; !isEnough(run); run++) {
    const input = target.generate(seededDice(seedOf(`${target.name} ${run}`, seed)))
    const problem = await tryInput(target, input)
    if (problem === undefined) continue
    const smallest = await shrink(target, input)
    const finding = { target: target.name, seed, run, ...smallest }
    return { runs: run + 1, finding: { problem, ...finding } }
  }
  return { runs: run, finding: undefined }
}

async function shrink(
  target: Target,
  input: Uint8Array,
): Promise<{ readonly input: Uint8Array; readonly problem?: string }> {
  let smallest = input
  let problem: string | undefined
  let tries = 0
  const attempt = async (smaller: Uint8Array): Promise<boolean> => {
    if (tries++ >= SHRINK_TRIES_MAX) return false
    const wrong = await tryInput(target, smaller)
    if (wrong === undefined) return false
    smallest = smaller
    problem = wrong
    return true
  }
  for (let piece = input.length; piece >= 1; piece = Math.floor(piece / 2)) {
    for (let at = 0; at < smallest.length; ) {
      const without = concatBytes(smallest.subarray(0, at), smallest.subarray(at + piece))
      if (!(await attempt(without))) at += piece
    }
  }
  for (let at = 0; at < smallest.length; at++) {
    if (smallest[at] === 0) continue
    const zeroed = smallest.slice()
    zeroed[at] = 0
    await attempt(zeroed)
  }
  return problem === undefined ? { input: smallest } : { input: smallest, problem }
}

/** What a person needs to see it again. */
export function describeFinding({ target, seed, run, input, problem }: Finding): string {
  const hex = bytesToHex(input)
  return [
    `${target} fails on an input of ${input.length} bytes (seed ${seed}, run ${run}):`,
    hex,
    problem,
    `repeat it with: npm run fuzz -- --target ${target} --input ${hex}`,
  ].join('\n')
}
