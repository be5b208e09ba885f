/**
 * When memory is given back after a crowd has come or left.
 */
import { describe, expect, test } from 'vitest'
import { createHeapTidy } from '../../../../gateway/broker/io/heapTidy.ts'
import { virtualTime } from '../../../support/virtualTime.ts'

function tidy() {
  const time = virtualTime(0)
  let collections = 0
  const limits = { crowdMin: 100, tidyDelayMs: 20_000 }
  const { note, stop } = createHeapTidy(time.timers, limits, () => {
    collections += 1
  })
  return { time, note, stop, collections: () => collections }
}

describe('memory', () => {
  test('is given back once, a while after a crowd has left', async () => {
    const { time, note, collections } = tidy()
    for (let count = 1; count <= 150; count++) note(count)
    for (let count = 149; count >= 10; count--) note(count)
    await time.advance(19_999)
    expect(collections()).toBe(0)
    await time.advance(1)
    expect(collections()).toBe(1)
    for (let count = 9; count >= 0; count--) note(count)
    await time.advance(60_000)
    expect(collections()).toBe(1)
  })

  test('is given back once when a crowd has come, and again when it has left', async () => {
    const { time, note, collections } = tidy()
    for (let count = 1; count <= 150; count++) note(count)
    await time.advance(20_000)
    expect(collections()).toBe(1)
    for (let count = 151; count <= 200; count++) note(count)
    await time.advance(60_000)
    expect(collections()).toBe(1)
    for (let count = 199; count >= 100; count--) note(count)
    await time.advance(20_000)
    expect(collections()).toBe(2)
  })

  test('is not collected by a broker that was closed', async () => {
    const { time, note, stop, collections } = tidy()
    note(1_000)
    note(500)
    stop()
    note(0)
    await time.advance(60_000)
    expect(collections()).toBe(0)
  })

  test('is left alone while clients come and go as usual', async () => {
    const { time, note, collections } = tidy()
    for (let round = 0; round < 50; round++) note(round % 2 === 0 ? 1_000 : 950)
    await time.advance(60_000)
    expect(collections()).toBe(0)
  })

  test('is given back at most once in that time, however many come and go', async () => {
    const { time, note, collections } = tidy()
    for (let second = 0; second < 60; second++) {
      note(1_000)
      note(0)
      await time.advance(1_000)
    }
    expect(collections()).toBeLessThanOrEqual(3)
  })
})
