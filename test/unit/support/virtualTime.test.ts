import { expect, test } from 'vitest'
import { cpuMs } from '../../support/cpuTime.ts'
import { virtualTime } from '../../support/virtualTime.ts'

test('timers run in order of due time, then of creation', async () => {
  const { timers, advance, clock } = virtualTime(1000)
  const seen: string[] = []
  timers.after(20, () => seen.push(`b${clock.nowMs()}`))
  timers.after(10, () => seen.push(`a${clock.nowMs()}`))
  timers.after(20, () => seen.push(`c${clock.nowMs()}`))
  await advance(19)
  expect(seen).toEqual(['a1010'])
  await advance(1)
  expect(seen).toEqual(['a1010', 'b1020', 'c1020'])
})

test('promises and soon callbacks finish before the next timer', async () => {
  const { timers, advance } = virtualTime(0)
  const seen: string[] = []
  timers.after(1, () => {
    timers.soon(() => {
      seen.push('soon')
      void Promise.resolve().then(() => timers.soon(() => seen.push('soon after promise')))
    })
  })
  timers.after(1, () => seen.push('next'))
  await advance(1)
  expect(seen).toEqual(['soon', 'soon after promise', 'next'])
})

test('periodic timers keep their beat and stop when cancelled', async () => {
  const { timers, advance, clock, pending } = virtualTime(0)
  const seen: number[] = []
  const cancel = timers.every(10, () => {
    seen.push(clock.monotonicMs())
    if (seen.length === 3) cancel()
  })
  await advance(1000)
  expect(seen).toEqual([10, 20, 30])
  expect(pending()).toBe(0)
})

test('timers set by timers inside the window run in the same advance', async () => {
  const { timers, advance, clock } = virtualTime(0)
  const seen: number[] = []
  timers.after(5, () => timers.after(5, () => seen.push(clock.monotonicMs())))
  await advance(10)
  expect(seen).toEqual([10])
})

test('the wall clock may jump, the monotonic clock does not', async () => {
  const { clock, advance, jumpWall } = virtualTime(5000)
  await advance(10)
  jumpWall(-3000)
  expect(clock.nowMs()).toBe(2010)
  expect(clock.monotonicMs()).toBe(10)
})

test('a throwing timer rejects the advance', async () => {
  const { timers, advance } = virtualTime(0)
  timers.after(1, () => {
    throw new Error('boom')
  })
  await expect(advance(1)).rejects.toThrow('boom')
})

test('one virtual hour with 50,000 timers takes well under a second', async () => {
  const { timers, advance } = virtualTime(0)
  let fired = 0
  timers.every(72, () => {
    fired++
  })
  expect(await cpuMs(() => advance(3_600_000))).toBeLessThan(1_000)
  expect(fired).toBe(50_000)
})
