/**
 * Reads every source file and document and fails where the rules of the house are broken. Each
 * rule is first shown something that it must refuse.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { VERSION } from '../cli/version.ts'
import { mandateReasons } from '../protocol/mandateRules.ts'
import {
  commitmentReasons,
  connectReasons,
  supplyReasons,
  tickReasons,
} from '../protocol/reasons.ts'
import { projectRoot, readFiles, sourceFile } from './support/tidyFiles.ts'
import {
  brokenReferences,
  deadFiles,
  loadedByDevices,
  looseVersions,
  missingTests,
  packagePlaces,
  strayPackages,
  untestedReasons,
} from './support/tidyProject.ts'
import { fileRules } from './support/tidyRules.ts'

const sources = readFiles(['.ts', '.js', '.mjs'])
const documents = readFiles(['.md'])
const tests = [...sources, ...readFiles(['.py'])].filter(({ path }) => path.startsWith('test/'))
const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'))

const opening = '/**\n * Something.\n * @module\n */\n'
const long = (lines: number) => 'const a = 1\n'.repeat(lines)
const broken: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  imports: [
    ['protocol/a.ts', "import { b } from '../agent/b.ts'"],
    ['protocol/a.ts', "import { b } from 'valibot'"],
    ['agent/a.ts', "import { b } from '../gateway/b.ts'"],
    ['gateway/a.ts', "const b = await import('../agent/b.ts')"],
    ['firmware-sim/a.ts', "import { b } from '../protocol/chain.ts'"],
    ['gateway/a.ts', "import { readFile } from 'node:fs'"],
    ['ledger/a.ts', "import { b } from '../test/b.ts'"],
    ['agent/a.ts', "import { open } from 'lmdb'"],
  ],
  'outside world': [
    ['gateway/a.ts', 'const now = Date.now()'],
    ['agent/a.ts', 'setTimeout(run, 5)'],
    ['ledger/a.ts', 'const dice = Math.random()'],
    ['ledger/a.ts', 'const day = new Date()'],
    ['fleet/a.ts', "const home = process.env['HOME']"],
  ],
  style: [
    ['cli/a.ts', 'export default 5'],
    ['cli/a.ts', 'export enum Colour {}'],
    ['cli/a.ts', 'const a = b as any'],
    ['cli/a.ts', '// TO' + 'DO later'],
    ['cli/a.ts', 'const a = 1 '],
  ],
  sizes: [
    ['cli/a.ts', long(401)],
    ['test/a.test.ts', long(601)],
    ['cli/a.ts', `// ${'x'.repeat(98)}`],
    ['cli/a.ts', `export function a() {\n${'  b()\n'.repeat(69)}}`],
    ['cli/a.ts', `const a = async () => {\n${'  b()\n'.repeat(69)}}`],
  ],
  openings: [['cli/a.ts', 'const a = 1']],
}

describe.each(fileRules)('rule: %s', (name, rule) => {
  test('refuses what it must', () => {
    for (const [path, text] of broken[name] ?? []) {
      expect(rule(sourceFile(path, text)), text.slice(0, 60)).not.toEqual([])
    }
  })

  test('holds everywhere', () => {
    expect(sources.flatMap(rule)).toEqual([])
  })
})

test('every file is needed by a program, every helper by a test', () => {
  const unused = sourceFile('cli/neverImported.ts', opening)
  expect(deadFiles([...sources, unused])).toContain('cli/neverImported.ts is needed by no program')
  expect(deadFiles(sources)).toEqual([])
})

test('a device loads nothing that only a gateway needs', () => {
  const heavy = sourceFile('cli/commands/agent.ts', "import { a } from '../../gateway/gateway.ts'")
  expect(loadedByDevices([...sources, heavy])).not.toEqual([])
  expect(loadedByDevices(sources)).toEqual([])
})

test('each heavy package is imported in one place, and that place exists', () => {
  const stray = sourceFile('gateway/intake/stray.ts', "import { Aedes } from 'aedes'")
  expect(strayPackages([stray])).toHaveLength(1)
  expect(strayPackages(sources)).toEqual([])
  for (const place of Object.values(packagePlaces).flat()) {
    expect(sources.some(({ path }) => path.startsWith(place))).toBe(true)
  }
})

test('documents link to what exists', () => {
  const bad = sourceFile('docs/bad.md', '[a](missing.md) [b](cli.md#no-such) `cli/missing.ts`')
  expect(brokenReferences([...documents, bad])).toHaveLength(3)
  expect(brokenReferences(documents)).toEqual([])
})

test('documents name tests that exist', () => {
  const bad = sourceFile('docs/bad.md', '`test/tidy.test.ts`: "no such ' + 'test"')
  expect(missingTests([bad], tests)).toHaveLength(1)
  expect(missingTests(documents, tests)).toEqual([])
})

test('every reason appears in a test', () => {
  const reasons = [
    ...Object.keys(tickReasons),
    ...Object.keys(commitmentReasons),
    ...connectReasons,
    ...supplyReasons,
    ...mandateReasons,
  ]
  expect(untestedReasons(['never_' + 'mentioned'], tests)).toHaveLength(1)
  expect(untestedReasons(reasons, tests)).toEqual([])
})

// T72
test('a newcomer installs what the checks install', () => {
  const wordsAfter = (path: string, start: string, end: string) => {
    const [, after = ''] = readFileSync(join(projectRoot, path), 'utf8').split(start)
    const words = (after.split(end)[0] ?? '').split(/[\s\\]+/)
    return words.filter((word) => word !== '' && !word.startsWith('-'))
  }
  const checks = wordsAfter('.ci/run', 'apt-get install ', '>')
  const readme = wordsAfter('README.md', 'apt-get install ', '```')
  // The checks unpack one program of this package, which would start a server.
  expect(readme.sort()).toEqual([...checks, 'prometheus'].sort())
})

// T72
test('dependencies are pinned, and the program knows its version', () => {
  expect(looseVersions({ dependencies: { a: '^1.0.0' } })).toHaveLength(1)
  expect(looseVersions(manifest)).toEqual([])
  expect(VERSION).toBe(manifest.version)
})
