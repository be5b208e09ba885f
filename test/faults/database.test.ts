/**
 * LMDB when its disk fails: a batch that could not be made durable is not there after a restart,
 * although the kernel would still show it, and one that was is there.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openLmdb } from '../../gateway/store/io/lmdb.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import type { Told } from '../support/databaseChild.ts'
import type { Fault, FaultPoint } from '../support/strace.ts'
import {
  faultWords,
  ONE_THREAD,
  pointsIn,
  recordWords,
  wasReached,
  whyStraceIsMissing,
} from '../support/strace.ts'

if (whyStraceIsMissing !== undefined) process.stderr.write(`NOT RUN: ${whyStraceIsMissing}\n`)

const root = fileURLToPath(new URL('../..', import.meta.url))
const words = ['first', 'second', 'third']
let folder: string
let program: string
let place: string
let log: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tickpay-database-'))
  const cache = join(root, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  program = join(mkdtempSync(join(cache, 'database-')), 'child.mjs')
  place = join(folder, 'database')
  log = join(folder, 'calls')
  await build({
    entryPoints: [join(root, 'test/support/databaseChild.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(join(program, '..'), { recursive: true, force: true })
})

beforeEach(() => {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place)
})

/** Writes the words under strace; those that were durable and those that failed. */
function write(tracing: readonly string[], texts: readonly string[]) {
  const { stdout } = spawnSync('strace', [...tracing, process.execPath, program, place, ...texts], {
    encoding: 'utf8',
    env: { ...process.env, ...ONE_THREAD },
    timeout: 20_000,
  })
  const told = (how: Told) =>
    stdout
      .split('\n')
      .flatMap((line) => (line.startsWith(how) ? line.slice(how.length + 1) : []))
      .filter((word) => word !== '')
  return { durable: told('durable'), failed: told('failed') }
}

async function stored(): Promise<readonly string[]> {
  const database = openLmdb(place)
  const found = [...database.range(utf8ToBytes(' '), utf8ToBytes('~'))]
  await database.close()
  return found.map(([key]) => new TextDecoder().decode(key))
}

async function afterFault(point: FaultPoint, fault: Fault) {
  const { durable, failed } = write(faultWords(point, fault, log), words)
  return { durable, failed, found: await stored(), reached: wasReached(log, fault) }
}

describe.skipIf(whyStraceIsMissing !== undefined)('the databases of a store', () => {
  test('(!) what failed is not there after a restart, and what was durable is', async () => {
    write(recordWords(log), words)
    const path = join(place, 'data.mdb')
    const calls = pointsIn(log, path)
    expect(calls.filter(({ syscall }) => syscall === 'fdatasync')).toHaveLength(words.length)
    let reached = 0
    for (const { syscall, count } of calls) {
      rmSync(place, { recursive: true })
      mkdirSync(place)
      const seen = await afterFault({ syscall, path, count }, 'EIO')
      if (!seen.reached) continue
      reached += 1
      // A disk that fails has failed for good: nothing after it is durable.
      expect({ syscall, count, durable: seen.durable }).toEqual({
        syscall,
        count,
        durable: words.slice(0, seen.durable.length),
      })
      expect({ syscall, count, found: seen.found }).toEqual({ syscall, count, found: seen.durable })
    }
    expect(reached).toBeGreaterThanOrEqual(2 * words.length)
  }, 60_000)
})
