/**
 * Clock and timers that stand still until a test moves them. Timers run in the order of their due
 * time (then of their creation), and everything a timer set off (promises, `soon`) is finished
 * before the next one runs.
 * @module
 */
import type { Cancel, Clock, Timers } from '../../ports/index.ts'

type Entry = {
  dueMs: number
  order: number
  readonly run: () => void
  readonly periodMs: number
  cancelled: boolean
}

export type VirtualTime = {
  readonly clock: Clock
  readonly timers: Timers
  /** Moves time on by `ms`, running what falls due; rejects with what a timer throws. */
  readonly advance: (ms: number) => Promise<void>
  /** Finishes pending promises and `soon` callbacks without moving time. */
  readonly settle: () => Promise<void>
  /** Shifts the wall clock only, as a corrected system clock does. */
  readonly jumpWall: (ms: number) => void
  /** Timers that have not fired and were not cancelled. */
  readonly pending: () => number
}

/** A world that begins at wall time `startMs`; its monotonic clock begins at 0. */
export function virtualTime(startMs: number): VirtualTime {
  const heap: Entry[] = []
  let elapsedMs = 0
  let wallOffsetMs = startMs
  let created = 0
  let waitingSoon = 0

  const schedule = (delayMs: number, run: () => void, periodMs: number): Cancel => {
    const order = created++
    const entry = {
      dueMs: elapsedMs + Math.max(0, delayMs),
      order,
      run,
      periodMs,
      cancelled: false,
    }
    pushEntry(heap, entry)
    return () => {
      entry.cancelled = true
    }
  }

  const settle = async () => {
    do await eventLoopTurn()
    while (waitingSoon > 0)
  }

  const advance = async (ms: number) => {
    const untilMs = elapsedMs + ms
    await settle()
    for (let entry = heap[0]; entry !== undefined && entry.dueMs <= untilMs; entry = heap[0]) {
      popEntry(heap)
      if (entry.cancelled) continue
      elapsedMs = entry.dueMs
      entry.run()
      if (entry.periodMs > 0 && !entry.cancelled) {
        entry.dueMs += entry.periodMs
        entry.order = created++
        pushEntry(heap, entry)
      }
      await settle()
    }
    elapsedMs = untilMs
  }

  return {
    clock: { nowMs: () => wallOffsetMs + elapsedMs, monotonicMs: () => elapsedMs },
    timers: {
      after: (delayMs, run) => schedule(delayMs, run, 0),
      every: (periodMs, run) => schedule(periodMs, run, Math.max(1, periodMs)),
      soon: (run) => {
        waitingSoon++
        setImmediate(() => {
          waitingSoon--
          run()
        })
      },
    },
    advance,
    settle,
    jumpWall: (ms) => {
      wallOffsetMs += ms
    },
    pending: () => heap.filter((entry) => !entry.cancelled).length,
  }
}

/** One turn of the real event loop: every promise that can settle has settled after it. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}

function pushEntry(heap: Entry[], entry: Entry): void {
  let child = heap.length
  heap.push(entry)
  while (child > 0) {
    const parent = (child - 1) >> 1
    const above = heap[parent]
    if (above === undefined || isBefore(above, entry)) break
    heap[child] = above
    child = parent
  }
  heap[child] = entry
}

/** Removes the earliest entry. */
function popEntry(heap: Entry[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let parent = 0
  while (true) {
    const child = earlierChild(heap, parent)
    const below = heap[child]
    if (below === undefined || isBefore(last, below)) break
    heap[parent] = below
    parent = child
  }
  heap[parent] = last
}

function earlierChild(heap: readonly Entry[], parent: number): number {
  const left = heap[2 * parent + 1]
  const right = heap[2 * parent + 2]
  if (left === undefined || right === undefined) return 2 * parent + 1
  return isBefore(left, right) ? 2 * parent + 1 : 2 * parent + 2
}
