import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { missingPython, runVectors } from '../independent/python.ts'

const vectors = 'test/vectors'
const files = readdirSync(vectors).filter((name) => name.endsWith('.json'))
let folder = ''

beforeAll(() => {
  const missing = missingPython()
  if (missing !== undefined) throw new Error(missing)
})

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-vectors-'))
  cpSync(vectors, folder, { recursive: true })
})

afterEach(() => rmSync(folder, { recursive: true }))

it('an implementation that was written from the document passes every vector file', () => {
  const { status, lines, stderr } = runVectors(vectors)
  expect(stderr).toBe('')
  const passed = lines.filter((line) => /^\w+: [1-9]\d* passed, 0 failed$/.test(line))
  expect(passed, lines.join('\n')).toHaveLength(files.length)
  expect(status).toBe(0)
})

it('fails every file when what each of them expects is another', () => {
  for (const name of files) alter(name)
  const { status, lines } = runVectors(folder)
  const failed = lines.filter((line) => /^\w+: \d+ passed, [1-9]\d* failed$/.test(line))
  expect(failed, lines.join('\n')).toHaveLength(files.length)
  expect(status).toBe(1)
})

it('fails for a file it does not know, a file that is gone and a part it does not know', () => {
  writeFileSync(join(folder, 'news.json'), '{"about": "", "cases": []}')
  rmSync(join(folder, 'chain.json'))
  const cbor = readFileSync(join(folder, 'cbor.json'), 'utf8')
  writeFileSync(join(folder, 'cbor.json'), cbor.replace('{', '{"more": [],'))
  const { status, lines } = runVectors(folder)
  expect(lines).toContain('news: 0 passed, 1 failed')
  expect(lines).toContain('chain: 0 passed, 1 failed')
  expect(lines.find((line) => line.startsWith('cbor:'))).toMatch(/, 1 failed$/)
  expect(status).toBe(1)
})

/** The first of each result in a file becomes another one. */
function alter(name: string): void {
  const path = join(folder, name)
  const text = readFileSync(path, 'utf8')
  const altered = text
    .replace(/"verdict": ?"\w+"/, '"verdict":"paused"')
    .replace(/"(digest|root|cbor|signature)": ?"([0-9a-f]*)([0-9a-f])"/, otherDigit)
    .replace(/"allowed": ?\[/, '"allowed":["tickpay",')
  expect(altered, name).not.toBe(text)
  writeFileSync(path, altered)
}

function otherDigit(_: string, name: string, digits: string, last: string): string {
  return `"${name}":"${digits}${last === '0' ? '1' : '0'}"`
}
