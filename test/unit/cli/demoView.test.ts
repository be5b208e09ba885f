import { expect, test } from 'vitest'
import { redraw } from '../../../cli/live/screen.ts'
import { creditBar, type LiveView, plainLine, viewLines } from '../../../cli/live/view.ts'
import { styleOf } from '../../../cli/terminal.ts'

const plain = styleOf(false)

const view: LiveView = {
  title: 'Tickpay demo',
  elapsedSeconds: 72,
  forSeconds: 90,
  place: 'ptys through socat',
  asset: { code: 'EUR', scale: 6 },
  devices: [
    {
      device: 'ev-charger',
      meter: 'sdm630, pty',
      unit: 'Wh',
      units: 12_345n,
      paid: 3_702_000n,
      reserved: 9_830_400n,
      unitsUnpaid: 35n,
      creditUnits: 160n,
      supply: 'on',
      reason: 'ok',
    },
    {
      device: 'water',
      meter: 'firmware-link, pty',
      unit: 'mL',
      units: 900n,
      paid: 1_000n,
      reserved: 65_000n,
      unitsUnpaid: 1_600n,
      creditUnits: 1_600n,
      supply: 'off',
      reason: 'not_paying',
    },
  ],
  unseen: 0,
  ticks: 1_240,
  ticksPerSecond: 17.26,
  accepted: 3_703_000n,
  settled: 3_500_000n,
  settlements: 14,
  sinceSettlementSeconds: 3.2,
  refused: {},
  note: 'Ctrl-C stops everything and shows the reconciliation.',
}

test('a wide screen shows everything', () => {
  const [title, , titles, ev, water, , ...rest] = viewLines(view, 120, plain)
  expect(title).toBe('Tickpay demo   1:12 of 1:30   ptys through socat')
  expect(titles?.split(/ {2,}/)).toEqual([
    ...['device', 'meter', 'units', 'paid', 'reserved', 'credit used', 'supply'],
  ])
  expect(ev?.split(/ {2,}/)).toEqual([
    ...['ev-charger', 'sdm630, pty', '12 345 Wh', '3.702000 EUR', '9.830400 EUR'],
    ...['███░░░░░░░ 35/160 Wh', 'on'],
  ])
  expect(water).toMatch(/██████████ 1600\/1600 mL {2}off \(not_paying\)$/)
  expect(ev?.indexOf('███')).toBe(water?.indexOf('███'))
  expect(rest).toEqual([
    '1 240 ticks, 17.3/s, worth 3.703000 EUR',
    'settled 3.500000 EUR in 14 settlements, the last 3 s ago',
    'Ctrl-C stops everything and shows the reconciliation.',
  ])
})

test.each([100, 80, 60, 40, 20])('no line is wider than a screen of %d columns', (columns) => {
  const lines = viewLines(view, columns, plain)
  expect(lines).toHaveLength(9)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns)
  expect(lines[3]).toMatch(/^ev-charger/)
})

test('a narrow screen keeps what matters most: who, units, paid, supply', () => {
  const [, , titles] = viewLines(view, 56, plain)
  expect(titles).toMatch(/device +units +paid +supply/)
})

test('messages that were refused and devices without room have a line each', () => {
  const lines = viewLines({ ...view, unseen: 12, refused: { closed: 3, stale: 0 } }, 120, plain)
  expect(lines).toHaveLength(11)
  expect(lines[5]).toBe('... and 12 more')
  expect(lines[9]).toBe('refused: closed 3')
})

test('colours are there only when they are wanted', () => {
  expect(viewLines(view, 120, plain).join('')).not.toContain('\u001b')
  const coloured = viewLines(view, 120, styleOf(true))
  expect(coloured[4]).toContain('\u001b[31m')
  expect(coloured[3]).not.toContain('\u001b')
})

test('the bar of the credit window never overflows', () => {
  expect(creditBar(0n, 160n)).toBe('░░░░░░░░░░')
  expect(creditBar(1n, 160n)).toBe('█░░░░░░░░░')
  expect(creditBar(160n, 160n)).toBe('██████████')
  expect(creditBar(999n, 160n)).toBe('██████████')
  expect(creditBar(5n, 0n)).toBe('░░░░░░░░░░')
})

test('redrawing replaces the lines drawn before, and those that are left over', () => {
  expect(redraw(['a', 'b'], 0)).toBe('\r\u001b[2Ka\n\r\u001b[2Kb\n')
  expect(redraw(['a'], 3)).toBe('\u001b[3A\r\u001b[2Ka\n\r\u001b[2K\n\r\u001b[2K\n\u001b[2A')
})

test('without a screen it is one line at a time', () => {
  expect(plainLine(view)).toBe(
    '1:12 | ev-charger 12345 Wh 3.702000 EUR on | water 900 mL 0.001000 EUR off (not_paying) | ' +
      '17.3 ticks/s | settled 3.500000 EUR in 14',
  )
})
