/**
 * Fuzzing: here every target runs a few moments with the same inputs each time, and all that was
 * ever found is tried again. `npm run fuzz -- --seconds 600` goes on for as long as it is told to.
 */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../ports/config.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { describeFinding, fuzzTarget, tryInput } from './runner.ts'
import type { Target } from './target.ts'
import { programs } from './targets/configuration.ts'
import { targets } from './targets/index.ts'
import { intakeTarget, reached } from './targets/intake.ts'

const environment = process.env
const only = environment['FUZZ_TARGET']
const seconds = Number(environment['FUZZ_SECONDS'] ?? 0)
const seed = Number(environment['FUZZ_SEED'] ?? 1)
const given = environment['FUZZ_INPUT']
const chosen = targets.filter(({ name }) => only === undefined || name === only)
const budgetMs = (seconds * 1_000) / chosen.length

const corpusSchema = v.record(
  v.string(),
  v.array(
    v.strictObject({ why: v.string(), hex: v.pipe(v.string(), v.regex(/^([0-9a-f]{2})*$/)) }),
  ),
)
const corpusText = readFileSync(new URL('corpus.json', import.meta.url), 'utf8')
const corpus = v.parse(corpusSchema, JSON.parse(corpusText))

const bytesOf = (hex: string) => present(parseHex(hex), 'hex')

async function expectFine(target: Target, input: Uint8Array): Promise<void> {
  const problem = await tryInput(target, input)
  if (problem === undefined) return
  const finding = { target: target.name, seed, run: 0, input, problem }
  throw new Error(describeFinding(finding))
}

test('fuzz: what was found before belongs to targets that there are', () => {
  const names = targets.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names).toEqual(expect.arrayContaining(Object.keys(corpus)))
  expect(chosen.length, `targets: ${names.join(', ')}`).toBeGreaterThan(0)
})

describe.each(chosen)('fuzz: $name', (target) => {
  test.each(corpus[target.name] ?? [])('again: $why', ({ hex }) => expectFine(target, bytesOf(hex)))

  if (given !== undefined) {
    test('the given input', () => expectFine(target, bytesOf(given)))
    return
  }
  test('new inputs', () => expectNothingNew(target), 60_000 + 2 * budgetMs)
})

async function expectNothingNew(target: Target): Promise<void> {
  const startMs = performance.now()
  const isOver = () => performance.now() - startMs >= budgetMs
  const isEnough = seconds > 0 ? isOver : (runs: number) => runs >= target.quickRuns
  const { runs, finding } = await fuzzTarget(target, seed, isEnough)
  if (seconds > 0) report(target, runs, performance.now() - startMs)
  if (finding) throw new Error(describeFinding(finding))
  expect(runs).toBeGreaterThan(0)
}

function report({ name }: Target, runs: number, ms: number): void {
  const perSecond = Math.round(runs / (ms / 1_000))
  const columns = [
    name.padEnd(12),
    `${runs}`.padStart(10),
    'runs',
    `${perSecond}`.padStart(8),
    '/s',
  ]
  process.stdout.write(`${columns.join(' ')}\n`)
}

describe('the fuzzer itself', () => {
  const planted: Target = {
    name: 'planted',
    quickRuns: 1,
    generate: (dice) => dice.bytes(dice.size(64)),
    check: (input) => {
      if (input.includes(0x77)) throw new RangeError('a planted bug')
      return undefined
    },
  }

  test('finds a planted bug, makes it small and says how to see it again', async () => {
    const { finding } = await fuzzTarget(planted, 5, (runs) => runs > 10_000)
    const found = present(finding, 'it is found')
    expect(found.input).toEqual(Uint8Array.of(0x77))
    const text = describeFinding(found)
    expect(text).toContain('a planted bug')
    expect(text).toContain('npm run fuzz -- --target planted --input 77')
    expect(await tryInput(planted, found.input)).toContain('a planted bug')
  })

  test('its stories reach the checks behind a signature, and good messages too', async () => {
    reached.clear()
    await fuzzTarget(intakeTarget, 11, (runs) => runs >= 14)
    const reasons = [...reached.keys()].map((name) => name.split(' ').at(-1))
    for (const deep of ['bad_signature', 'not_continuous', 'wrong_price', 'bad_word', 'accepted']) {
      expect(reasons).toContain(deep)
    }
    expect(new Set(reasons).size).toBeGreaterThan(12)
  })

  test('its page names every target and nothing that is none', () => {
    const text = readFileSync(new URL('../../docs/fuzzing.md', import.meta.url), 'utf8')
    const named = [...text.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name]) => name)
    expect(named.sort()).toEqual(targets.map(({ name }) => name).sort())
  })

  test('the configurations that it changes are good themselves', () => {
    for (const [text, schema, prefix] of programs) {
      const source = { text, origin: 'some.yaml', environment: {}, prefix }
      expect(parseConfig(source, schema)).toBeDefined()
    }
  })

  test('the same seed makes the same inputs, another seed others', async () => {
    const inputsOf = async (number: number) => {
      const inputs: string[] = []
      const note = (input: Uint8Array) => {
        inputs.push(Buffer.from(input).toString('hex'))
        return undefined
      }
      await fuzzTarget({ ...planted, check: note }, number, (runs) => runs >= 50)
      return inputs
    }
    expect(await inputsOf(3)).toEqual(await inputsOf(3))
    expect(await inputsOf(3)).not.toEqual(await inputsOf(4))
  })
})
