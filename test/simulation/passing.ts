/**
 * Waits for work that waits for virtual time.
 * @module
 */
import type { VirtualTime } from '../support/virtualTime.ts'

/** Moves time on until `work` is done. */
export async function passing<T>(time: VirtualTime, work: Promise<T>): Promise<T> {
  let isDone = false
  const watched = work.finally(() => {
    isDone = true
  })
  watched.catch(() => undefined)
  while (!isDone) await time.advance(20)
  return watched
}
