/** Rounds of work that leave room for ticks. */
import { expect, test } from 'vitest'
import { createRounds } from '../../../gateway/rounds.ts'

/** Turns of an event loop that run when the test says so. */
function turns() {
  const waiting: (() => void)[] = []
  return {
    timers: { soon: (run: () => void) => void waiting.push(run) },
    next: () => waiting.shift()?.(),
    waiting: () => waiting.length,
  }
}

const numbers = (count: number) => () => Array.from({ length: count }, (_, at) => at).values()

test('a turn does no more than its share, and the round ends with the last', () => {
  const loop = turns()
  const seen: number[] = []
  const rounds = createRounds(loop.timers, { perTurn: 2, perRound: 100 }, numbers(5), (one) =>
    seen.push(one) > 0 ? 1 : 0,
  )
  rounds.begin()
  expect(seen).toEqual([0, 1])
  rounds.begin()
  expect(seen).toEqual([0, 1])
  loop.next()
  loop.next()
  expect(seen).toEqual([0, 1, 2, 3, 4])
  expect(loop.waiting()).toBe(0)
  rounds.begin()
  expect(seen).toEqual([0, 1, 2, 3, 4, 0, 1])
})

test('a round does no more than its share, and the next goes on from there', () => {
  const loop = turns()
  const seen: number[] = []
  const rounds = createRounds(loop.timers, { perTurn: 10, perRound: 3 }, numbers(5), (one) => {
    seen.push(one)
    return 1
  })
  rounds.begin()
  expect(seen).toEqual([0, 1, 2])
  rounds.begin()
  expect(seen).toEqual([0, 1, 2, 3, 4])
})

test('what costs more counts for more, and what costs nothing for one', () => {
  const loop = turns()
  const costs = [5, 0, 0, 0]
  const seen: number[] = []
  const rounds = createRounds(loop.timers, { perTurn: 4, perRound: 100 }, numbers(4), (one) => {
    seen.push(one)
    return costs[one] ?? 0
  })
  rounds.begin()
  expect(seen).toEqual([0])
  loop.next()
  expect(seen).toEqual([0, 1, 2, 3])
})

test('nothing more happens after the stop', () => {
  const loop = turns()
  const seen: number[] = []
  const rounds = createRounds(loop.timers, { perTurn: 1, perRound: 100 }, numbers(3), (one) => {
    seen.push(one)
    return 1
  })
  rounds.begin()
  rounds.stop()
  loop.next()
  expect(seen).toEqual([0])
  expect(loop.waiting()).toBe(0)
})
