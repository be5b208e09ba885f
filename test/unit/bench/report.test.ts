import { expect, test } from 'vitest'
import { atLeast, atMost, eachPart } from '../../../bench/cases/case.ts'
import { type CaseReport, failureLine, pageOf, reportLine } from '../../../bench/report/document.ts'
import { chartSvg } from '../../../bench/report/svg.ts'
import { figure, markdownTable, spreadText, textTable } from '../../../bench/report/tables.ts'

const table = {
  title: 'T',
  columns: ['what', 'ticks/s'],
  rows: [
    ['a', '1,234'],
    ['longer', '5'],
  ],
}

test('tables for documents and for terminals', () => {
  expect(markdownTable(table).split('\n')).toEqual([
    '| what | ticks/s |',
    '| --- | ---: |',
    '| a | 1,234 |',
    '| longer | 5 |',
  ])
  expect(textTable(table)).toBe('T\nwhat    ticks/s\na         1,234\nlonger        5')
})

test('figures have as many digits as say something', () => {
  expect([12_345.6, 45.67, 3.456].map(figure)).toEqual(['12,346', '45.7', '3.46'])
  expect(spreadText({ median: 3, min: 1, max: 500 })).toBe('3.00 (1.00 to 500)')
})

test('targets say whether they are met', () => {
  expect(atLeast('x', 0.8, 0.8)).toEqual({ name: 'x', target: '>= 0.8', measured: 0.8, met: true })
  expect(atLeast('x', 0.8, 0.79999).met).toBe(false)
  expect(atMost('x', 20, 20.0001).met).toBe(false)
  expect(atMost('x', 20, Number.NaN).met).toBe(false)
})

test('bars are as long as their values and escape their labels', () => {
  const bar = { low: 0, isOwn: true }
  const svg = chartSvg({
    kind: 'bars',
    name: 'x',
    unit: 'ticks/s',
    groups: [
      {
        title: 'one & two',
        bars: [
          { ...bar, label: 'a < b', value: 100, high: 100 },
          { ...bar, label: 'c', value: 50, high: 50 },
        ],
      },
    ],
  })
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width))
  expect(widths).toHaveLength(2)
  expect((widths[0] ?? 0) / (widths[1] ?? 1)).toBeCloseTo(2)
  expect(svg).toContain('one &amp; two')
  expect(svg).toContain('a &lt; b')
  expect(svg.trim()).toMatch(/^<svg .*<\/svg>$/s)
})

test('lines go from the left edge to the right one, higher values higher up', () => {
  const points = [
    { x: 1_000, y: 10 },
    { x: 1_000_000, y: 40 },
  ]
  const lines = [{ label: 'l', points }]
  const svg = chartSvg({ kind: 'lines', name: 'x', unit: 's', xUnit: 'channels', lines })
  const at = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ])
  expect(at).toHaveLength(2)
  expect(at[0]?.[0]).toBeLessThan(at[1]?.[0] ?? 0)
  expect(at[0]?.[1]).toBeGreaterThan(at[1]?.[1] ?? 0)
})

const report: CaseReport = {
  case: 'ingest',
  about: 'ticks',
  at: '2026-01-31T10:20:30.000Z',
  rounds: 5,
  seconds: 4,
  machine: {
    processor: 'P',
    cores: 2,
    memoryGiB: 8,
    kernel: '6',
    architecture: 'x64',
    node: 'v20',
    openssl: '3',
    mosquitto: 'Mosquitto 2',
    loadAtStart: 0,
  },
  disk: { fileSystem: 'ext4', syncP50: 900, syncP99: 2_000 },
  targets: [atLeast('rate', 0.8, 0.9), atMost('seconds', 2, 3)],
  limits: { inFlight: 64 },
  tables: [table],
  charts: [],
  notes: ['a note'],
  failures: ['shape d: it broke'],
  figures: { amount: 5n },
}

test('the page tells targets, limits, circumstances and what failed', () => {
  const page = pageOf([report], [{ case: 'scale', reason: 'no space' }])
  expect(page).toContain('| `ingest` | rate | >= 0.8 | 0.9 | yes |')
  expect(page).toContain('| `ingest` | seconds | <= 2 | 3 | **no** |')
  expect(page).toContain('Raised limits: `inFlight` 64.')
  expect(page).toContain('Not measured: shape d: it broke')
  expect(page).toContain('- `scale`: no space')
  expect(page).toContain('2026-01-31 10:20 UTC, 5 rounds of 4 s')
  expect(pageOf([report], [])).not.toContain('Failed in the last run')
})

test('a result is one line of JSON, also one that failed', () => {
  const line = reportLine(report)
  expect(line.endsWith('\n')).toBe(true)
  expect(line.trim()).not.toContain('\n')
  expect(JSON.parse(line)).toMatchObject({ case: 'ingest', figures: { amount: '5' } })
  const failed = { case: 'ingest', failures: ['two\nlines'] }
  expect(JSON.parse(failureLine({ case: 'ingest', reason: 'two\nlines' }))).toEqual(failed)
})

test('a part that fails does not take the others with it', async () => {
  const { measured, failures } = await eachPart(
    [1, 2, 3],
    (part) => `part ${part}`,
    async (part) => {
      if (part === 2) throw new Error('it broke')
      return part * 10
    },
  )
  expect({ measured, failures }).toEqual({ measured: [10, 30], failures: ['part 2: it broke'] })
})
