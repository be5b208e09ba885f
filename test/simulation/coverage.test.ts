/** Every rule and every row of both tables has a planted bug, or is seen elsewhere by name. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commitmentReasons, tickReasons } from '../../protocol/reasons.ts'
import { projectRoot } from '../support/tidyFiles.ts'
import {
  type Elsewhere,
  mutantOfCommitmentRow,
  mutantOfTickRow,
  mutantsOfRule,
  seenElsewhere,
} from './coverage.ts'
import { mutants } from './mutants.ts'

const names = new Set(mutants.map(({ name }) => name))
const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8')

test('every rule that money depends on has planted bugs, or a test that sees it', () => {
  const rows = [...read('docs/rules.md').matchAll(/^\| ([^|]+) \| `test/gm)]
  const known = Object.keys(mutantsOfRule)
  expect(rows.filter(([, rule = ''], at) => !rule.startsWith(known[at] ?? 'none'))).toEqual([])
  expect(rows.length).toBe(known.length)
  const planted = Object.values(mutantsOfRule).flatMap((one) => ('file' in one ? [] : one))
  expect(planted.filter((name) => !names.has(name))).toEqual([])
  expect(planted.length).toBeGreaterThan(20)
})

test('every row of both check tables has a planted bug', () => {
  expect(Object.keys(mutantOfTickRow)).toEqual(Object.keys(tickReasons))
  expect(Object.keys(mutantOfCommitmentRow)).toEqual(Object.keys(commitmentReasons))
  const planted = [...Object.values(mutantOfTickRow), ...Object.values(mutantOfCommitmentRow)]
  expect(planted.filter((name) => !names.has(name))).toEqual([])
  expect(new Set(planted).size).toBe(planted.length)
})

test('what the simulator does not see is seen by a test that exists', () => {
  const outside = Object.values(mutantsOfRule).filter((one): one is Elsewhere => 'file' in one)
  for (const { file, test: name } of [...outside, ...Object.values(seenElsewhere)]) {
    expect(read(file), file).toContain(name)
  }
  expect(Object.keys(seenElsewhere).filter((name) => !names.has(name))).toEqual([])
})

test('the table of docs/simulation.md has every planted bug once', () => {
  const rows = [...read('docs/simulation.md').matchAll(/^\| `([a-z0-9-]+)` \|/gm)]
  expect(rows.map(([, name]) => name).toSorted()).toEqual([...names].toSorted())
})
