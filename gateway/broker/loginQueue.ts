/**
 * Logins wait their turn: a few are judged in each turn of the event loop, so that ticks pass in
 * between, and addresses take turns, so that one with many does not hold up the others.
 * @module
 */
import type { Timers } from '../../ports/index.ts'

export type LoginQueue = {
  /** Runs `judge` when it is its turn. Who waits is bounded by the connections that may wait. */
  readonly add: (address: string, judge: () => void) => void
  readonly waiting: () => number
}

export function createLoginQueue(
  timers: Pick<Timers, 'soon'>,
  { loginsPerTurn }: { readonly loginsPerTurn: number },
): LoginQueue {
  /** In the order of their next turn. */
  const addresses = new Map<string, (() => void)[]>()
  let count = 0
  let isScheduled = false

  const next = (): (() => void) | undefined => {
    for (const [address, judges] of addresses) {
      addresses.delete(address)
      const judge = judges.shift()
      if (judges.length > 0) addresses.set(address, judges)
      count -= 1
      return judge
    }
    return undefined
  }
  const turn = () => {
    isScheduled = false
    for (let left = loginsPerTurn; left > 0 && count > 0; left--) next()?.()
    schedule()
  }
  const schedule = () => {
    if (isScheduled || count === 0) return
    isScheduled = true
    timers.soon(turn)
  }

  return {
    add: (address, judge) => {
      const judges = addresses.get(address)
      if (judges) judges.push(judge)
      else addresses.set(address, [judge])
      count += 1
      schedule()
    },
    waiting: () => count,
  }
}
