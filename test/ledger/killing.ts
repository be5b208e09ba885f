/**
 * Settlements in processes of their own that are killed at a step, for any ledger: the bundled
 * program, processes that are ready one ahead, and how often each step is killed.
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll } from 'vitest'

/** Asked for with `npm run ledger-faults -- --kills 600`; 0 in the suite. */
export const kills = Number(process.env['LEDGER_KILLS'] ?? 0)
/** A kill with a restart takes half a second; on a machine that others use, much longer. */
export const PER_KILL_MS = 10_000
/** Kills of each step where kills are asked for. */
const ROUNDS_MIN = 20

/** How often each of a ledger's `steps` is killed. */
export const roundsOf = (steps: number): number =>
  kills === 0 ? 1 : Math.max(ROUNDS_MIN, Math.ceil(kills / steps))

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What packages of the older kind call, for a bundle of the newer kind. */
const REQUIRE =
  "import { createRequire as named } from 'node:module'; const require = named(import.meta.url);"

export type Killer<Order> = {
  /** Gives the order to a process; how it ended, `SIGKILL` where it came to its step. */
  readonly killWith: (order: Order) => Promise<string>
  readonly end: () => void
}

/**
 * Bundles a child's program (`test/ledger/...`) before the tests of the file that calls this.
 * @param packages `bundle` starts a library of many files in half of the time
 */
export function killers<Order extends object>(
  entry: string,
  packages: 'external' | 'bundle' = 'external',
): () => Killer<Order> {
  let folder = ''
  const program = () => join(folder, 'child.mjs')
  beforeAll(async () => {
    const cache = join(root, 'node_modules', '.cache')
    mkdirSync(cache, { recursive: true })
    folder = mkdtempSync(join(cache, 'settle-'))
    await build({
      entryPoints: [join(root, entry)],
      outfile: program(),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages,
      ...(packages === 'bundle' ? { banner: { js: REQUIRE } } : {}),
      logLevel: 'error',
    })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const start = () => fork(program(), { cwd: root, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  return () => {
    let next = start()
    return {
      killWith: (order) => {
        const child = next
        next = start()
        const ended = endOf(child)
        child.send(order)
        return ended
      },
      end: () => next.kill('SIGKILL'),
    }
  }
}

function endOf(child: ChildProcess): Promise<string> {
  let errors = ''
  child.stderr?.on('data', (text) => {
    errors += String(text)
  })
  return new Promise((done) => {
    child.once('exit', (code, signal) => done(signal ?? `exit code ${code}: ${errors}`))
  })
}

/** How often the payment had been booked before the gateway came back, by step. */
export function tellKills(what: string, rounds: number, booked: Readonly<Record<string, number>>) {
  if (kills === 0) return
  const count = rounds * Object.keys(booked).length
  const said = `${what}: ${count} kills, every step ${rounds} times`
  process.stderr.write(`${said}; booked before: ${JSON.stringify(booked)}\n`)
}
