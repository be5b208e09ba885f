/**
 * The device's idea of time. A Pi without a battery wakes up in the past; once the gateway has
 * signed the time for this device's own nonce, time runs on from there by the monotonic clock, and
 * the system's clock is believed again only while it agrees.
 * @module
 */
import type { Clock } from '../ports/index.ts'
import type { Now } from './ownLimits.ts'

/** Half of the gateway's tolerance, so that a clock that drifts is noticed before it matters. */
const AGREEMENT_MS = 60_000

export type AgentClock = {
  readonly now: () => Now
  /** Takes over a time that the gateway signed. */
  readonly setFromGateway: (timeSeconds: number) => void
  /** True while the gateway's time counts and the system's clock does not. */
  readonly isTakenOver: () => boolean
}

export function createAgentClock(clock: Clock): AgentClock {
  let signed: { readonly timeMs: number; readonly monotonicMs: number } | undefined
  const wallMs = () => {
    const systemMs = clock.nowMs()
    if (!signed) return systemMs
    const expectedMs = signed.timeMs + clock.monotonicMs() - signed.monotonicMs
    return Math.abs(systemMs - expectedMs) <= AGREEMENT_MS ? systemMs : expectedMs
  }
  const isTakenOver = () => Math.abs(wallMs() - clock.nowMs()) > AGREEMENT_MS
  return {
    now: () => ({
      seconds: Math.max(0, Math.floor(wallMs() / 1_000)),
      monotonicMs: clock.monotonicMs(),
    }),
    setFromGateway: (timeSeconds) => {
      signed = { timeMs: timeSeconds * 1_000, monotonicMs: clock.monotonicMs() }
    },
    isTakenOver,
  }
}
