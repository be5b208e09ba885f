/** What the watch remembers is flat and bounded: rows that are taken, given back and begin anew. */
import { describe, expect, test } from 'vitest'
import { createRings, packUnits, unpackUnits } from '../../../../gateway/fraud/rings.ts'
import { at, createRows, NO_ROW, put } from '../../../../gateway/fraud/rows.ts'
import { createBurst } from '../../../../gateway/fraud/rule.ts'

describe('rows', () => {
  test('are no more than their bound, and one that is given back is taken again, anew', () => {
    const rows = createRows(10)
    const column = rows.column(7)
    const taken = Array.from({ length: 10 }, () => rows.take())
    expect(new Set(taken).size).toBe(10)
    expect(rows.take()).toBe(NO_ROW)
    for (const row of taken) put(column, row, row)
    expect(taken.map((row) => at(column, row))).toEqual(taken)
    rows.give(3)
    expect(rows.count()).toBe(9)
    expect(rows.take()).toBe(3)
    expect(at(column, 3)).toBe(7)
    expect(at(column, 4)).toBe(4)
  })

  test('what else is kept of a row is forgotten once, when it is given back or begins anew', () => {
    const rows = createRows(2)
    const forgotten: number[] = []
    rows.onForget((row) => forgotten.push(row))
    const row = rows.take()
    expect(forgotten).toEqual([])
    rows.renew(row)
    rows.give(row)
    expect(rows.take()).toBe(row)
    expect(forgotten).toEqual([row, row])
  })
})

describe('units in two bytes', () => {
  test('are exact up to 32,767, and close up to what a number holds', () => {
    for (const units of [0, 1, 999, 32_766, 32_767])
      expect(unpackUnits(packUnits(units))).toBe(units)
    for (let units = 32_768; units < Number.MAX_SAFE_INTEGER; units *= 1.37) {
      expect(Math.abs(unpackUnits(packUnits(units)) / units - 1)).toBeLessThan(0.000_5)
      expect(packUnits(units)).toBeLessThan(0xffff)
    }
    expect(packUnits(Number.MAX_VALUE)).toBe(0xfffe)
    expect(packUnits(-1)).toBe(0)
  })

  test('a ring keeps the newest of each place of each row', () => {
    const rows = createRows(4)
    const rings = createRings(rows, 2, 3)
    const [first, second] = [rows.take(), rows.take()]
    for (const units of [1, 2, 3, 4, 5]) rings.put(first, 1, units)
    rings.put(second, 0, 9)
    expect([...rings.of(first, 1)].sort()).toEqual([3, 4, 5])
    expect([rings.of(first, 0), rings.of(second, 0), rings.of(second, 1)]).toEqual([[], [9], []])
  })
})

test('a burst is of one row, and ends with its window', () => {
  const rows = createRows(4)
  const isBurst = createBurst(rows, 3, 60)
  const [one, other] = [rows.take(), rows.take()]
  expect([isBurst(one, 2, 0), isBurst(one, 3, 10), isBurst(other, 0, 10)]).toEqual([
    false,
    true,
    false,
  ])
  expect([isBurst(one, 3, 60), isBurst(one, 3, 61), isBurst(one, 3, 900)]).toEqual([
    true,
    false,
    false,
  ])
  expect([isBurst(one, 5, 1_000), isBurst(one, 6, 1_001)]).toEqual([false, true])
  rows.give(one)
  expect(isBurst(rows.take(), 1, 1_002)).toBe(false)
})
