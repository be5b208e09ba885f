import { expect, test } from 'vitest'
import { csvLines, dataLines, timeText } from '../../../cli/show.ts'
import { grouped, roughDuration } from '../../../cli/table.ts'

test('objects become pairs, lists of objects tables, amounts carry their code', () => {
  const asset = { code: 'EUR', scale: 2 }
  const entries = [
    { number: 1, timeSeconds: 0, asset: 'EUR/2', amount: '-1234' },
    { number: 20, timeSeconds: 1_795_339_324, asset: 'EUR/2', amount: '5' },
  ]
  expect(dataLines({ fleet: 'acme', asset, paid: '1234', register: null, entries })).toEqual([
    'fleet     acme',
    'paid      12.34 EUR',
    'register  -',
    '',
    'entries:',
    '  number  time                      amount',
    '       1  1970-01-01T00:00:00Z  -12.34 EUR',
    '      20  2026-11-22T09:22:04Z    0.05 EUR',
  ])
  expect(dataLines([])).toEqual(['none'])
  expect(dataLines({ rights: ['read', 'supply'], refused: {} })).toEqual([
    'rights   read, supply',
    'refused  none',
  ])
})

test('a table that is wider than the screen becomes pairs, row by row', () => {
  const meters = [
    { meter: 'main', relayClosed: false },
    { meter: 'solar', relayClosed: true },
  ]
  const table = ['meters:', '  meter  relay closed', '  main   false', '  solar  true']
  expect(dataLines({ meters }, 21).slice(1)).toEqual(table)
  expect(dataLines({ meters }, 20).slice(1)).toEqual([
    'meters:',
    '  meter         main',
    '  relay closed  false',
    '',
    '  meter         solar',
    '  relay closed  true',
  ])
})

test('CSV quotes what needs it', () => {
  const list = [{ a: 'plain', b: 'with "quotes", and\nlines' }, { a: null }]
  expect(csvLines(list)).toEqual(['a,b', 'plain,"with ""quotes"", and\nlines"', '-,-'])
})

test('times, durations and long numbers are readable', () => {
  expect(timeText(1_800_000_000)).toBe('2027-01-15T08:00:00Z')
  expect(timeText(1e300)).toBe('1e+300 s')
  expect([5, 119, 120, 7_199, 7_200, 172_799, 172_800].map(roughDuration)).toEqual([
    '5 s',
    '119 s',
    '2 min',
    '119 min',
    '2 h',
    '47 h',
    '2 d',
  ])
  expect(grouped(1_234_567n)).toBe('1 234 567')
  expect(grouped(999)).toBe('999')
})
