/**
 * Work on many things that comes round again and again and must not hold up ticks: some in each
 * turn of the event loop, and no more than so many in a round; the next round goes on from there.
 * @module
 */
import type { Timers } from '../ports/index.ts'

export type Bounds = { readonly perTurn: number; readonly perRound: number }

export type Rounds = {
  /** Begins a round, unless one is under way. */
  readonly begin: () => void
  readonly stop: () => void
}

/** `visit` answers how much it did, in the unit of the bounds. */
export function createRounds<T>(
  timers: Pick<Timers, 'soon'>,
  { perTurn, perRound }: Bounds,
  all: () => Iterator<T>,
  visit: (one: T) => number,
): Rounds {
  let rest: Iterator<T> | undefined
  let left = 0
  const turn = () => {
    const until = Math.max(0, left - perTurn)
    while (left > until) {
      rest ??= all()
      const next = rest.next()
      if (next.done) {
        rest = undefined
        left = 0
        return
      }
      left = Math.max(0, left - Math.max(1, visit(next.value)))
    }
    if (left > 0) timers.soon(turn)
  }
  return {
    begin: () => {
      if (left > 0) return
      left = perRound
      turn()
    },
    stop: () => {
      left = 0
    },
  }
}
