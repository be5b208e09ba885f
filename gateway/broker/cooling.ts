/**
 * Logins of devices that were closed for what they sent. One costs as much as many ticks: of a
 * crowd that is let in at once after every three wrong words they took a sixth of the processor
 * from the honest. So such logins share a rate. A device that resumes is never closed for it, and
 * never waits.
 * @module
 */
import { STRIKE_WINDOW_SECONDS } from '../../protocol/limits.ts'

/** How reasons begin for which a device cools off. */
export const TOO_MANY_STRIKES = 'too many strikes'

/** Fifty a second, however many there are. */
const SPACING_MS = 20
/** Below the deadline of a CONNECT. */
export const COOLING_MS_MAX = 2_000
/** The oldest are forgotten, and let in at once. */
const COOLING_MAX = 16_384

export type Cooling = {
  /** It was closed now. */
  readonly add: (username: string, nowMs: number) => void
  /** How long this login has to wait; 0 for everybody who was not closed of late. */
  readonly takeTurnMs: (username: string, nowMs: number) => number
}

export function createCooling(): Cooling {
  /** In the order of their ends. */
  const until = new Map<string, number>()
  let freeMs = Number.NEGATIVE_INFINITY
  const forget = (nowMs: number) => {
    for (const [username, endMs] of until) {
      if (endMs > nowMs && until.size <= COOLING_MAX) return
      until.delete(username)
    }
  }
  return {
    add: (username, nowMs) => {
      until.delete(username)
      until.set(username, nowMs + STRIKE_WINDOW_SECONDS * 1_000)
      forget(nowMs)
    },
    takeTurnMs: (username, nowMs) => {
      if ((until.get(username) ?? nowMs) <= nowMs) return 0
      const turnMs = Math.min(Math.max(nowMs, freeMs), nowMs + COOLING_MS_MAX)
      freeMs = turnMs + SPACING_MS
      return turnMs - nowMs
    },
  }
}
