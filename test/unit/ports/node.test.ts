import { afterEach, expect, test, vi } from 'vitest'
import { nodePorts, nodeTimers } from '../../../ports/io/node.ts'

afterEach(() => {
  vi.useRealTimers()
})

test('waits longer than setTimeout can count are kept', () => {
  vi.useFakeTimers()
  const run = vi.fn()
  const thirtyDaysMs = 30 * 86_400_000
  nodeTimers.after(thirtyDaysMs, run)
  vi.advanceTimersByTime(thirtyDaysMs - 1)
  expect(run).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(run).toHaveBeenCalledTimes(1)
})

test('a cancelled wait never runs, however long it was', () => {
  vi.useFakeTimers()
  const run = vi.fn()
  const cancel = nodeTimers.after(30 * 86_400_000, run)
  vi.advanceTimersByTime(29 * 86_400_000)
  cancel()
  vi.advanceTimersByTime(86_400_000)
  expect(run).not.toHaveBeenCalled()
})

test('the ports of a process are usable', () => {
  const { clock, random } = nodePorts(() => undefined)
  expect(clock.nowMs()).toBeGreaterThan(1_700_000_000_000)
  expect(random.bytes(16)).toHaveLength(16)
})
