/** The device's own limits over crashes, missing records and clocks that are wrong. */
import { describe, expect, test } from 'vitest'
import type { LimitBook, LimitRecord } from '../../../agent/ownLimits.ts'
import {
  acceptsPrice,
  carryBook,
  ceilingOf,
  noOwnLimits,
  openBook,
  rollBook,
} from '../../../agent/ownLimits.ts'

const channelId = new Uint8Array(32).fill(1)
const day = 20_000
const noon = day * 86_400 + 12 * 3_600
const at = (seconds: number, monotonicMs = 0) => ({ seconds, monotonicMs })
const hourOf = (seconds: number) => Math.floor(seconds / 3_600)
const record: LimitRecord = {
  channelId,
  hour: hourOf(noon),
  hourBase: 800n,
  day,
  dayBase: 300n,
}
const mandate = { limit: 1_000_000n, limitPerDay: 1_000_000n }
const limits = { ...noOwnLimits, amountPerHour: 100n, amountPerDay: 900n }

function left(book: LimitBook, shown: bigint): bigint {
  return ceilingOf(book, limits, mandate, shown).amount - shown
}

describe('a proof of 850 at noon, with limits of 100 an hour and 900 a day', () => {
  test.each([
    ['a record of this hour', record, 50n],
    ['a record of an earlier hour of today', { ...record, hour: record.hour - 3 }, 50n],
    ['a record of yesterday', { ...record, hour: record.hour - 24, day: day - 1 }, 50n],
    ['a record ahead of the clock', { ...record, hour: record.hour + 90, day: day + 3 }, 50n],
    ['a record of more than is proven', { ...record, hourBase: 900n, dayBase: 880n }, 100n],
    ['a day that is nearly used', { ...record, dayBase: -40n }, 10n],
  ])('%s leaves what the record leaves', (_name, one, expected) => {
    const book = openBook(channelId, 850n, one, at(noon))
    expect(book.durable).toBe(true)
    expect(left(book, 850n)).toBe(expected)
  })

  test.each([
    ['no record', undefined],
    ['the record of another channel', { ...record, channelId: new Uint8Array(32) }],
  ])('%s leaves nothing until a record is durable', (_name, one) => {
    const book = openBook(channelId, 850n, one, at(noon))
    expect(ceilingOf(book, limits, mandate, 850n)).toEqual({
      amount: 850n,
      reason: 'own_limit_unproven',
    })
    expect(left({ ...book, durable: true }, 850n)).toBe(100n)
  })

  test('without own limits the record does not matter', () => {
    const book = openBook(channelId, 850n, undefined, at(noon))
    const ceiling = ceilingOf(book, noOwnLimits, { ...mandate, limitPerDay: 7n }, 850n)
    expect(ceiling).toEqual({ amount: 857n, reason: 'over_limit' })
  })
})

describe('the tightest limit counts and is named', () => {
  const book = openBook(channelId, 0n, { ...record, hourBase: 0n, dayBase: 0n }, at(noon))
  test.each([
    [{ amountPerHour: 5n }, mandate, 5n, 'own_hour_limit'],
    [{ amountPerHour: 50n, amountPerDay: 6n }, mandate, 6n, 'own_day_limit'],
    [{ amountPerHour: 50n }, { ...mandate, limitPerDay: 7n }, 7n, 'over_limit'],
    [{}, { limit: 8n, limitPerDay: 9n }, 8n, 'mandate_used_up'],
  ])('of %s with %s', (own, fleet, amount, reason) => {
    const ceiling = ceilingOf(book, { ...noOwnLimits, ...own }, fleet, 0n)
    expect(ceiling).toEqual({ amount, reason })
  })
})

describe('time passes', () => {
  const open = openBook(channelId, 800n, record, at(noon))

  test('within the hour nothing changes and nothing is written', () => {
    expect(rollBook(open, 890n, at(noon + 3_599, 3_599_000))).toBe(open)
  })

  test('a new hour starts at what was shown; the day goes on', () => {
    const next = rollBook(open, 890n, at(noon + 3_600, 3_600_000))
    expect(next).toMatchObject({ hour: record.hour + 1, hourBase: 890n, dayBase: 300n })
  })

  test('a new day starts at what was shown', () => {
    const next = rollBook(open, 890n, at(noon + 43_200, 43_200_000))
    expect(next).toMatchObject({ day: day + 1, hourBase: 890n, dayBase: 890n })
  })

  // T45
  test('a clock set forward again and again opens one hour and one day early, no more', () => {
    let book = open
    let shown = 800n
    for (let i = 1; i <= 10; i++) {
      book = rollBook(book, shown, at(noon + i * 86_400, i * 1_000))
      shown += left(book, shown)
    }
    expect(shown).toBe(900n)
    const later = rollBook(book, shown, at(noon + 11 * 86_400, 3_600_000))
    expect(left(later, shown)).toBe(100n)
  })

  test('a clock set back keeps what was spent, and hours go on from there', () => {
    const back = rollBook(open, 890n, at(noon - 86_400, 1_000))
    expect(left(back, 890n)).toBe(10n)
    const next = rollBook(back, 890n, at(noon - 86_400 + 3_600, 3_601_000))
    expect(left(next, 890n)).toBe(100n)
  })
})

test('another channel takes over what was spent', () => {
  const open = openBook(channelId, 800n, record, at(noon))
  const other = new Uint8Array(32).fill(2)
  const carried = carryBook(open, 870n, other, 0n)
  expect(carried).toMatchObject({ channelId: other, durable: false })
  expect(left({ ...carried, durable: true }, 0n)).toBe(30n)
})

test('a price is accepted up to the ceiling', () => {
  expect(acceptsPrice(noOwnLimits, 1n << 60n)).toBe(true)
  expect(acceptsPrice({ ...noOwnLimits, pricePerTickMax: 5n }, 5n)).toBe(true)
  expect(acceptsPrice({ ...noOwnLimits, pricePerTickMax: 5n }, 6n)).toBe(false)
})
