/**
 * How group commits are doing: how long the last one took, when it was, and whether one is stuck.
 * @module
 */
import type { Clock } from '../ports/index.ts'

export type CommitReport = {
  /** Since the last commit; undefined before the first. */
  readonly lastAgeSeconds: number | undefined
  /** Since the commit that is under way began; undefined while none is. */
  readonly underWaySeconds: number | undefined
}

export type CommitWatch = {
  readonly began: () => void
  /** A commit that wrote something is durable, or there was nothing to write. */
  readonly ended: (wrote: 'something' | 'nothing') => void
  readonly report: () => CommitReport
  /** Tells `listen` the seconds of each commit from now on. */
  readonly follow: (listen: (seconds: number) => void) => void
}

export function createCommitWatch(clock: Pick<Clock, 'monotonicMs'>): CommitWatch {
  const listeners: ((seconds: number) => void)[] = []
  let beganMs: number | undefined
  let lastMs: number | undefined
  const since = (fromMs: number | undefined) =>
    fromMs === undefined ? undefined : (clock.monotonicMs() - fromMs) / 1_000
  return {
    began: () => {
      beganMs = clock.monotonicMs()
    },
    ended: (wrote) => {
      const seconds = since(beganMs) ?? 0
      beganMs = undefined
      if (wrote === 'nothing') return
      lastMs = clock.monotonicMs()
      for (const listen of listeners) listen(seconds)
    },
    report: () => ({ lastAgeSeconds: since(lastMs), underWaySeconds: since(beganMs) }),
    follow: (listen) => {
      listeners.push(listen)
    },
  }
}
