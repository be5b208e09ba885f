/**
 * Hands the costly parts of a submission's claims to a prover before the claims are judged, in
 * slices, so that others run in between and the prover is at work while the rest is asked for.
 * @module
 */
import type { ReadClaim } from '../rules/claimBytes.ts'
import type { ClaimContext } from '../rules/claimRules.ts'
import { type ProofTask, type Prover, tasksOf, type WordTask } from '../rules/proofTasks.ts'
import type { Reading } from './judge.ts'

/** Claims asked about between two breaths: about 3 ms. */
const CLAIMS_PER_SLICE = 128

/** What was found out about one claim before it is judged. */
export type Ahead = {
  /** Words that lead where the claim needs them to lead. */
  readonly words: readonly WordTask[]
  /** Nothing costly is left to do. */
  readonly isProved: boolean
}

/** Ends when everything was asked for; a claim's answer may come later. */
export async function proveAhead(
  readings: readonly Reading[],
  contextOf: (read: ReadClaim | undefined) => ClaimContext,
  prover: Prover,
  breathe: () => Promise<void>,
): Promise<(place: number) => Promise<Ahead>> {
  const slices: Promise<readonly Ahead[]>[] = []
  for (let from = 0; from < readings.length; from += CLAIMS_PER_SLICE) {
    if (from > 0) await breathe()
    const some = readings.slice(from, from + CLAIMS_PER_SLICE)
    const slice = proveSlice(
      some.map(({ read, tools }) => tasksOf(contextOf(read), read, tools)),
      prover,
    )
    // It is awaited below; until then a failure is not yet nobody's.
    slice.catch(() => undefined)
    slices.push(slice)
  }
  return async (place) => {
    const slice = await slices[Math.floor(place / CLAIMS_PER_SLICE)]
    return slice?.[place % CLAIMS_PER_SLICE] ?? { words: [], isProved: false }
  }
}

async function proveSlice(
  tasks: readonly (readonly ProofTask[])[],
  prover: Prover,
): Promise<readonly Ahead[]> {
  const answers = (await prover(tasks.flat())).values()
  return tasks.map((own) => {
    const proved = own.filter(() => answers.next().value === true)
    return {
      words: proved.filter((task) => task.kind === 'word'),
      isProved: proved.length === own.length,
    }
  })
}
