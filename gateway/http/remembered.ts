/**
 * What costs something to find out and may be a little old, however often somebody asks.
 * @module
 */
import type { Clock } from '../../ports/index.ts'

/** Asks `look` at most once in `ageMs`; whoever comes in between gets the same answer. */
export function remembered<T>(
  clock: Pick<Clock, 'monotonicMs'>,
  ageMs: number,
  look: () => Promise<T>,
): () => Promise<T> {
  let last: { readonly atMs: number; readonly seen: Promise<T> } | undefined
  return () => {
    const nowMs = clock.monotonicMs()
    if (last && nowMs - last.atMs < ageMs) return last.seen
    last = { atMs: nowMs, seen: look() }
    return last.seen
  }
}
