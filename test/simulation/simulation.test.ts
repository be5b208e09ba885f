/**
 * Simulated runs of the whole site: many faults, all invariants, the same history for the same
 * seed.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import * as reference from '../../protocol/keys.ts'
import { projectRoot } from '../support/tidyFiles.ts'
import * as fastKeys from './fastKeys.ts'
import type { SeedLine } from './main.ts'
import { mutants } from './mutants.ts'
import { readOptions } from './options.ts'
import { faultKinds, planOf } from './plan.ts'
import { partOf, shrink } from './shrink.ts'
import { plainSeedsMax, widerFaultKinds } from './wider.ts'

const seeds = Number(process.env['SIMULATION_SEEDS'] ?? 100)

type Answer = { readonly code: number; readonly output: string }

function simulate(...args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const command = ['scripts/simulate.js', ...args]
    execFile(process.execPath, command, { cwd: projectRoot }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` })
    })
  })
}

function lines({ output }: Answer): readonly SeedLine[] {
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SeedLine)
}

describe('many simulated runs', () => {
  let answer: Answer
  beforeAll(async () => {
    answer = await simulate('--seeds', `${seeds}`)
  }, 300_000)

  test('no invariant is violated', () => {
    expect(answer.output).not.toContain('failed:')
    expect(answer.code, answer.output).toBe(0)
  })
})

test('what once found a fault finds none', async () => {
  const answer = await simulate('--regressions')
  expect(answer.code, answer.output).toBe(0)
}, 120_000)

test('every planted bug still has its place in the product', () => {
  for (const { name, file, find } of mutants) {
    const text = readFileSync(join(projectRoot, file), 'utf8')
    expect(text.split(find).length - 1, `${name}: ${file} reads "${find}" once`).toBe(1)
  }
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
})

test('a planted bug is caught', async () => {
  const answer = await simulate('--mutants', 'ledger-difference', '--seeds', '10')
  expect(answer.code, answer.output).toBe(0)
  expect(answer.output).toContain('settled once and never above its proof')
}, 120_000)

test('a failing plan is shrunk to what makes it fail', async () => {
  const plan = planOf(3)
  const needed = [1, plan.faults.length - 2]
  const chances = needed.map((place) => plan.faults[place]?.chance)
  const fails = async ({ faults, devices }: typeof plan) =>
    chances.every((chance) => faults.some((one) => one.chance === chance)) &&
    devices.some(({ device }) => device === 'pump')
  const part = await shrink(plan, fails)
  expect(part).toEqual({ keep: needed, without: ['charger', 'dryer'] })
  expect(await fails(partOf(plan, part))).toBe(true)
})

test('the same seed is the same history, and another seed is another', async () => {
  const [one, again] = await Promise.all([
    simulate('--seed', '11', '--seeds', '4', '--json'),
    simulate('--seed', '11', '--seeds', '4', '--json'),
  ])
  expect(lines(again)).toEqual(lines(one))
  expect(new Set(lines(one).map(({ history }) => history)).size).toBe(4)
}, 60_000)

test('plans follow from their seed and meet every kind of fault', () => {
  const plans = Array.from({ length: 300 }, (_, seed) => planOf(seed))
  expect(planOf(7)).toEqual(plans[7])
  const kinds = new Set(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind)))
  expect([...faultKinds].filter((kind) => !kinds.has(kind))).toEqual([])
})

test('later seeds have more, and the first ones stay as they were', () => {
  const later = Array.from({ length: 300 }, (_, at) => planOf(plainSeedsMax + 1 + at))
  const kinds = new Set(later.flatMap(({ faults }) => faults.map(({ kind }) => kind)))
  expect([...widerFaultKinds].filter((kind) => !kinds.has(kind))).toEqual([])
  expect(later.every(({ site }) => site !== undefined)).toBe(true)
  const first = planOf(plainSeedsMax)
  expect(first.site).toBeUndefined()
  const plain: readonly string[] = faultKinds
  expect(first.faults.every(({ kind }) => plain.includes(kind))).toBe(true)
})

test.each(reference.algorithms)('%s keys of simulated runs are the true ones', (algorithm) => {
  const key = { algorithm, bytes: new Uint8Array(32).fill(9) }
  const digest = new Uint8Array(32).fill(5)
  const signature = fastKeys.signDigest(key, digest)
  expect(signature).toEqual(reference.signDigest(key, digest))
  const publicKey = fastKeys.publicKeyOf(key)
  expect(publicKey).toEqual(reference.publicKeyOf(key))
  expect(fastKeys.verifyDigest(publicKey, digest, signature)).toBe(true)
  expect(fastKeys.verifyDigest(publicKey, digest.fill(6), signature)).toBe(false)
  expect(fastKeys.parsePublicKey(reference.encodePublicKey(publicKey))).toEqual(publicKey)
  expect(fastKeys.parsePublicKey(new Uint8Array(65))).toBeUndefined()
})

test('options that make no sense are refused', () => {
  expect(readOptions(['--seed', '5'])).toMatchObject({ first: 5, seeds: 1 })
  expect(readOptions(['--seeds', '20'])).toMatchObject({ first: 1, seeds: 20 })
  expect(readOptions(['--minutes', '2'])).toMatchObject({ minutes: 2 })
  for (const wrong of [['--seeds', 'many'], ['--minutes', '0'], ['--sed', '1'], ['extra']]) {
    expect(readOptions(wrong)).toBeUndefined()
  }
})
