/** Work that can wait keeps within its share of the time. */
import { describe, expect, test } from 'vitest'
import { createTurns } from '../../../gateway/receipts/turns.ts'

/** A clock that work moves on, and timers that move it at once. */
function bench() {
  let nowMs = 1_000
  let restedMs = 0
  const timers = {
    soon: (run: () => void) => {
      queueMicrotask(run)
      return () => undefined
    },
    after: (delayMs: number, run: () => void) => {
      nowMs += delayMs
      restedMs += delayMs
      queueMicrotask(run)
      return () => undefined
    },
  }
  const turns = createTurns({ monotonicMs: () => nowMs }, timers, 0.1, 20)
  return { turns, work: (ms: number) => (nowMs += ms), rested: () => restedMs }
}

describe('turns', () => {
  test('rest nine times as long as they worked, to leave the others nine tenths', async () => {
    const { turns, work, rested } = bench()
    turns.begin()
    for (const ms of [2, 5, 1]) {
      work(ms)
      await turns.next()
    }
    expect(rested()).toBeCloseTo(9 * 8)
  })

  test('follow each other at once when there was next to nothing to do', async () => {
    const { turns, work, rested } = bench()
    turns.begin()
    work(0.1)
    await turns.next()
    expect(rested()).toBe(0)
  })

  test('do not count what passed before they began, nor a wait for a disk in full', async () => {
    const { turns, work, rested } = bench()
    work(60_000)
    turns.begin()
    work(500)
    await turns.next()
    expect(rested()).toBeCloseTo(9 * 20)
  })
})
