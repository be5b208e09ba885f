/**
 * docs/threats.md against the tests: no threat is left out, every test that is named exists and
 * carries the id of its threat, every file that is named is there.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isThere, projectRoot } from '../support/tidyFiles.ts'

const page = readFileSync(join(projectRoot, 'docs/threats.md'), 'utf8')

function span(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, at) => `T${String(from + at).padStart(2, '0')}`)
}

const proved = [
  ...[span(1, 17), span(20, 25), span(30, 42), span(45, 46), span(50, 54)].flat(),
  ...[span(60, 65), span(70, 74)].flat(),
]
const later: readonly string[] = []

type Row = { readonly id: string; readonly cells: readonly string[] }

const rows: readonly Row[] = page
  .split('\n')
  .filter((line) => /^\| T\d\d \|/.test(line))
  .map((line) => {
    const [id = '', ...cells] = line.slice(2, -2).split(' | ')
    return { id, cells }
  })

type Proof = { readonly id: string; readonly file: string; readonly title: string }

const proofs: readonly Proof[] = rows.flatMap(({ id, cells }) =>
  [...(cells[2] ?? '').matchAll(/`(test\/[\w./-]+)`: "([^"]+)"/g)].map(
    ([, file = '', title = '']) => ({ id, file, title }),
  ),
)

/** The lines of a test from its comment to its title, and the chapter that it is in. */
function surroundings({ file, title }: Proof): readonly string[] {
  const lines = readFileSync(join(projectRoot, file), 'utf8').split('\n')
  const titles = [`'${title}'`, `"${title}"`, `'${title.replaceAll("'", "\\'")}'`]
  const at = lines.findIndex((line) => titles.some((one) => line.includes(one)))
  if (at < 0) return []
  let start = at
  while (start > 0 && !/^\s*(test|it|describe)\b/.test(lines[start] ?? '')) start--
  const chapter = lines.slice(0, start).findLast((line) => line.startsWith('describe'))
  return [chapter ?? '', ...lines.slice(Math.max(0, start - 1), at + 1)]
}

describe('docs/threats.md', () => {
  test('has a row for every threat, once', () => {
    expect(rows.map(({ id }) => id).sort()).toEqual([...proved, ...later].sort())
  })

  test('has a control that is there and a proof for each of those that can be proved', () => {
    for (const { id, cells } of rows.filter((row) => proved.includes(row.id))) {
      expect(cells, id).toHaveLength(3)
      const files = [...(cells[1] ?? '').matchAll(/`([a-z-]+\/[\w./-]+)`/g)].map(([, one]) => one)
      expect(files.length + Number(id === 'T72'), id).toBeGreaterThan(0)
      for (const file of files) expect(isThere(file ?? ''), `${id}: ${file}`).toBe(true)
      expect(proofs.filter((proof) => proof.id === id).length, id).toBeGreaterThan(0)
    }
  })

  test.each(proofs)('$id: $file: "$title" exists and carries the id', (proof) => {
    const lines = surroundings(proof)
    expect(lines.length, 'there is such a test').toBeGreaterThan(0)
    expect(lines.join('\n')).toMatch(new RegExp(`\\b${proof.id}\\b`))
  })

  test('says for each of the others what it comes with', () => {
    for (const { id, cells } of rows.filter((row) => later.includes(row.id))) {
      expect(cells, id).toHaveLength(2)
    }
  })
})
