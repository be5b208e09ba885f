/**
 * One run of a program: when it is over, nothing that it had begun goes on.
 * @module
 */
import type { Clock, Ports } from '../../ports/index.ts'

export type Life = { isOver: boolean; readonly atEnd: (() => void)[] }

export function newLife(): Life {
  return { isOver: false, atEnd: [] }
}

/** kill -9: what the operating system closes is closed, everything else stays as it is. */
export function endLife(life: Life): void {
  if (life.isOver) return
  life.isOver = true
  for (const close of life.atEnd.splice(0)) close()
}

/** What a dead program waits for. */
export function never(): Promise<never> {
  return new Promise(() => undefined)
}

/** Ports that fall silent when the life is over, with a clock of their own. */
export function mortalPorts(ports: Ports, life: Life, clock: Clock): Ports {
  const { timers } = ports
  const guard = (run: () => void) => () => {
    if (!life.isOver) run()
  }
  return {
    ...ports,
    clock,
    timers: {
      after: (delayMs, run) => timers.after(delayMs, guard(run)),
      every: (periodMs, run) => {
        const cancel = timers.every(periodMs, guard(run))
        life.atEnd.push(cancel)
        return cancel
      },
      soon: (run) => timers.soon(guard(run)),
    },
  }
}

/** A wall clock that can be wrong. */
export type SkewedClock = Clock & { offsetMs: number }

export function skewedClock(clock: Clock): SkewedClock {
  const skewed = {
    offsetMs: 0,
    nowMs: () => clock.nowMs() + skewed.offsetMs,
    monotonicMs: clock.monotonicMs,
  }
  return skewed
}
