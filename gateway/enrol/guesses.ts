/**
 * A bound on guessing the secret of a claim. Pure. Secrets are random, so this only keeps a noisy
 * guesser from costing anything.
 * @module
 */

export type Guesses = {
  /** May somebody try this claim now? */
  readonly mayTry: (claim: string, nowMs: number) => boolean
  /** The secret was wrong. */
  readonly failed: (claim: string, nowMs: number) => void
  readonly succeeded: (claim: string) => void
}

/** Wrong secrets for one claim, after which nobody may try it for a while. */
export const WRONG_GUESSES_MAX = 5
export const GUESS_PAUSE_MS = 60_000

type Count = { wrong: number; lastMs: number }

/** Remembers claims that exist and nobody else: `entriesMax` is their number. */
export function createGuesses(entriesMax: number): Guesses {
  const counts = new Map<string, Count>()
  const countOf = (claim: string, nowMs: number): Count => {
    const known = counts.get(claim)
    return known && nowMs - known.lastMs < GUESS_PAUSE_MS ? known : { wrong: 0, lastMs: nowMs }
  }
  return {
    mayTry: (claim, nowMs) => countOf(claim, nowMs).wrong < WRONG_GUESSES_MAX,
    failed: (claim, nowMs) => {
      const { wrong } = countOf(claim, nowMs)
      counts.delete(claim)
      counts.set(claim, { wrong: wrong + 1, lastMs: nowMs })
      const [oldest] = counts.keys()
      if (counts.size > entriesMax && oldest !== undefined) counts.delete(oldest)
    },
    succeeded: (claim) => {
      counts.delete(claim)
    },
  }
}
