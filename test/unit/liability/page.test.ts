/** docs/liability.md: no row without a test, and each of the promised cases has one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { projectRoot } from '../../support/tidyFiles.ts'

const page = readFileSync(join(projectRoot, 'docs/liability.md'), 'utf8')
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| what (it does|happens) /.test(line))

test('every row says who loses what and names a test', () => {
  expect(rows.length).toBeGreaterThan(25)
  for (const row of rows) {
    const cells = row.slice(2, -2).split(' | ')
    expect(cells, row).toHaveLength(3)
    expect(cells[2], row).toMatch(/`test\/[\w./-]+\.test\.ts`: "[^"]+"/)
  }
})

test.each([
  ...['T09', 'T10', 'T11', 'T17', 'T60', 'T61', 'T62', 'T63', 'T64', 'T65'],
  ...['refuses to co-sign', 'sits on a statement', 'withdraws early', 'two commitments'],
  ...['replaces a mandate', 'position'],
])('a row speaks of %s', (what) => {
  expect(rows.some((row) => row.includes(what))).toBe(true)
})
