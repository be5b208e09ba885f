/**
 * Turns of the event loop for work that can wait: between two of them rests as much time as keeps
 * the work within its share, whatever a single turn takes.
 * @module
 */
import type { Clock, Timers } from '../../ports/index.ts'

/** Resolves when the next turn may begin. */
export type NextTurn = () => Promise<void>

export type Turns = {
  /** Work begins now; what passed before was none. */
  readonly begin: () => void
  readonly next: NextTurn
}

/** Turns whose work takes at most `share` of the time, a turn counted as `turnMsMax` at most. */
export function createTurns(
  clock: Pick<Clock, 'monotonicMs'>,
  timers: Pick<Timers, 'soon' | 'after'>,
  share: number,
  turnMsMax: number,
): Turns {
  let beganMs = 0
  const begin = () => {
    beganMs = clock.monotonicMs()
  }
  return {
    begin,
    next: async () => {
      const workedMs = Math.min(clock.monotonicMs() - beganMs, turnMsMax)
      const restMs = workedMs * (1 / share - 1)
      await new Promise<void>((resolve) => {
        if (restMs < 1) timers.soon(resolve)
        else timers.after(restMs, resolve)
      })
      begin()
    },
  }
}
