/** docs/security.md claims nothing that is not there: commands, pages and threats with a proof. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandTable } from '../../cli/commandTable.ts'
import { isThere, projectRoot } from '../support/tidyFiles.ts'

const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8')
const page = read('docs/security.md')
const threats = read('docs/threats.md')

/** Threats of the page that have a test behind them. */
const proved = new Set(
  [...threats.matchAll(/^\| (T\d\d) \|(.*)$/gm)]
    .filter(([, , row = '']) => row.includes('`test/'))
    .map(([, id = '']) => id),
)

function threatsIn(text: string): readonly string[] {
  const spans = [...text.matchAll(/T(\d\d) to T(\d\d)/g)].flatMap(([, from, to]) => {
    const count = Number(to) - Number(from) + 1
    return Array.from(
      { length: count },
      (_, at) => `T${String(Number(from) + at).padStart(2, '0')}`,
    )
  })
  return [...spans, ...(text.match(/\bT\d\d\b/g) ?? [])]
}

describe('docs/security.md', () => {
  test('names commands that exist', () => {
    const names = new Set(Object.keys(commandTable))
    const quoted = [...page.matchAll(/`tickpay ([a-z][a-z -]*[a-z])/g)].map(([, text = '']) => text)
    expect(quoted.length).toBeGreaterThan(20)
    const unknown = quoted.filter((text) => {
      const words = text.split(' --')[0]?.trim().split(' ') ?? []
      return ![1, 2, 3].some((count) => names.has(words.slice(0, count).join(' ')))
    })
    expect(unknown).toEqual([])
  })

  test('points at threats that have a proof', () => {
    const ids = threatsIn(page)
    expect(ids.length).toBeGreaterThan(40)
    expect(ids.filter((id) => !proved.has(id))).toEqual([])
  })

  test('points at pages that are there', () => {
    const links = [...`${page}${read('SECURITY.md')}`.matchAll(/\]\(([\w/.-]+\.md)\)/g)]
    for (const [, link = ''] of links) {
      const path = link.startsWith('docs/') ? link : `docs/${link}`
      expect(isThere(path), path).toBe(true)
    }
  })

  test.each(['ETSI EN 303 645', 'EN 18031-3'])(
    'every yes of %s has a threat behind it',
    (title) => {
      const chapter = page.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? ''
      const rows = chapter.split('\n').filter((line) => /^\| (\d|[A-Z]{3} )/.test(line))
      expect(rows.length).toBeGreaterThan(8)
      for (const row of rows.filter((one) => one.includes('| yes'))) {
        expect(threatsIn(row).length, row).toBeGreaterThan(0)
      }
    },
  )
})
