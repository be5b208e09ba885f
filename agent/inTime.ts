/**
 * Waiting with a limit that leaves no timer behind: one that is still pending would keep a program
 * that is done from ending.
 * @module
 */
import type { Timers } from '../ports/index.ts'

/** Resolves when `work` is done, or after `limitMs`; rejects only with `work` and in time. */
export function inTime(work: Promise<unknown>, timers: Timers, limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(limitMs, resolve)
    work.finally(cancel).then(() => resolve(), reject)
  })
}
