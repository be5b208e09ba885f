/**
 * When a relay of any kind is closed and when it is not, on virtual time.
 */
import { expect, test } from 'vitest'
import type { MeterReading } from '../../../../agent/meters/supervisor.ts'
import { keepRelay, RELAY_RETRY_MS } from '../../../../agent/relays/relayKeeper.ts'
import { virtualPorts } from '../../../support/meterBench.ts'
import { virtualTime } from '../../../support/virtualTime.ts'

function bench() {
  const time = virtualTime(0)
  const sets: boolean[] = []
  const logged: string[] = []
  const relay = { fails: false, isLetGo: false }
  const keeper = keepRelay(
    'main',
    {
      set: async (closed) => {
        sets.push(closed)
        if (relay.fails) throw new Error('it is stuck')
      },
      close: async () => {
        relay.isLetGo = true
      },
    },
    virtualPorts(time, (_level, message) => logged.push(message)),
  )
  return { time, sets, logged, relay, keeper }
}

function reading(units: bigint): MeterReading {
  return {
    state: 'reading',
    units,
    unit: 'Wh',
    relayClosed: true,
    flowing: undefined,
    faults: [],
    meterNumber: undefined,
    note: undefined,
  }
}

test('(!) it opens at the start, before anything is known', async () => {
  const { time, sets } = bench()
  await time.settle()
  expect(sets).toEqual([false])
})

test('it closes with an order and a reading below its end, and opens at the end', async () => {
  const { time, sets, keeper } = bench()
  keeper.supplyOnUntil(100n)
  await time.settle()
  expect(sets.includes(true)).toBe(false)
  keeper.takeEvent(reading(99n))
  await time.settle()
  expect(sets.at(-1)).toBe(true)
  keeper.takeEvent(reading(100n))
  await time.settle()
  expect(sets.at(-1)).toBe(false)
  expect(keeper.takeEvent(reading(100n))).toMatchObject({ relayClosed: false })
})

test('it opens at once on command', async () => {
  const { time, sets, keeper } = bench()
  keeper.supplyOnUntil(100n)
  keeper.takeEvent(reading(1n))
  await time.settle()
  keeper.supplyOff()
  await time.settle()
  expect(sets.at(-1)).toBe(false)
})

test('(!) it opens when the meter is away or readings stop coming', async () => {
  const { time, sets, keeper } = bench()
  keeper.supplyOnUntil(100n)
  keeper.takeEvent(reading(1n))
  await time.advance(4_999)
  expect(sets.at(-1)).toBe(true)
  await time.advance(1)
  expect(sets.at(-1)).toBe(false)
  keeper.takeEvent(reading(2n))
  await time.settle()
  expect(sets.at(-1)).toBe(true)
  keeper.takeEvent({ state: 'away', reason: 'its cable is cut' })
  await time.settle()
  expect(sets.at(-1)).toBe(false)
})

test('(!) one that does not open is told again and counts as closed', async () => {
  const { time, sets, keeper, relay, logged } = bench()
  keeper.supplyOnUntil(100n)
  keeper.takeEvent(reading(1n))
  await time.settle()
  relay.fails = true
  keeper.supplyOff()
  await time.advance(3 * RELAY_RETRY_MS)
  expect(sets.slice(-4)).toEqual([false, false, false, false])
  expect(keeper.takeEvent(reading(1n))).toMatchObject({ relayClosed: true })
  relay.fails = false
  await time.advance(RELAY_RETRY_MS)
  expect(keeper.takeEvent(reading(1n))).toMatchObject({ relayClosed: false })
  expect(logged).toEqual(['the relay does not obey: it is stuck', 'the relay obeys again'])
})

test('(!) at the end it opens first and is let go of then; no order closes it again', async () => {
  const { time, sets, keeper, relay } = bench()
  keeper.supplyOnUntil(100n)
  keeper.takeEvent(reading(1n))
  await time.settle()
  const ended = keeper.close()
  keeper.supplyOnUntil(200n)
  await time.settle()
  await ended
  expect(sets.at(-1)).toBe(false)
  expect(relay.isLetGo).toBe(true)
})

test('one that never answers does not hold the end up for ever', async () => {
  const time = virtualTime(0)
  const isLetGo: boolean[] = []
  const keeper = keepRelay(
    'main',
    { set: () => new Promise(() => {}), close: async () => void isLetGo.push(true) },
    virtualPorts(time),
  )
  const ended = keeper.close()
  await time.advance(4_000)
  await ended
  expect(isLetGo).toEqual([true])
})
