/**
 * The program `tickpay` as processes of their own, bundled from the sources as they are now, so
 * that no test depends on a build. They can be stopped and killed.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { packagedFlags } from '../../bench/packaged.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export type StartOptions = {
  readonly env?: Readonly<Record<string, string>>
  /** Runs as this user. */
  readonly uid?: number
  readonly cwd?: string
}

/** One running process of the program. */
export type Run = {
  /** Lines on standard output so far. */
  readonly out: readonly string[]
  /** Lines on standard error so far. */
  readonly errors: readonly string[]
  /** Exit code or the name of the signal; undefined while it runs. */
  readonly ending: () => number | string | undefined
  /** Resolves when it is gone. */
  readonly ended: Promise<number | string>
  /** SIGTERM, and SIGKILL when that does not help in time. */
  readonly stop: () => Promise<number | string>
  /** kill -9 */
  readonly kill: () => Promise<number | string>
}

export type Program = {
  /** Starts `tickpay WORDS`. */
  readonly start: (words: readonly string[], options?: StartOptions) => Run
  /** Runs it to its end, or kills it after `limitMs`. */
  readonly finish: (
    words: readonly string[],
    options?: StartOptions,
    limitMs?: number,
  ) => Promise<Run>
  /** Kills whatever still runs and removes the bundle. */
  readonly remove: () => Promise<void>
}

const stopTimeoutMs = 15_000
const finishTimeoutMs = 20_000

/** Bundles the program. The packages stay outside, where Node finds them. */
export async function bundleProgram(): Promise<Program> {
  const cache = join(root, 'node_modules', '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'tickpay-'))
  // Some tests run it as another user.
  chmodSync(folder, 0o755)
  await build({
    entryPoints: [join(root, 'cli/main.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
  const main = join(folder, 'main.mjs')
  const running = new Set<Run>()
  const start: Program['start'] = (words, options = {}) => {
    const run = watch(spawnProgram(main, words, options))
    running.add(run)
    void run.ended.then(() => running.delete(run))
    return run
  }
  return {
    start,
    finish: async (words, options, limitMs = finishTimeoutMs) => {
      const run = start(words, options)
      const timer = setTimeout(() => void run.kill(), limitMs)
      await run.ended
      clearTimeout(timer)
      return run
    },
    remove: async () => {
      await Promise.all([...running].map(({ kill }) => kill()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function spawnProgram(main: string, words: readonly string[], options: StartOptions): ChildProcess {
  const { uid, cwd = root, env = {} } = options
  const node = uid === undefined ? process.execPath : nodeForOthers(dirname(main))
  return spawn(node, [...packagedFlags, main, ...words], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
}

/** Node itself, or a copy in `folder` when it lies where only this user may look. */
function nodeForOthers(folder: string): string {
  let place = process.execPath
  while (place !== dirname(place)) {
    place = dirname(place)
    if ((statSync(place).mode & 0o001) === 0) break
  }
  if (place === dirname(place)) return process.execPath
  const copy = join(folder, 'node')
  if (!existsSync(copy)) copyFileSync(process.execPath, copy)
  return copy
}

function watch(child: ChildProcess): Run {
  const out: string[] = []
  const errors: string[] = []
  collectLines(child.stdout, out)
  collectLines(child.stderr, errors)
  let ending: number | string | undefined
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'gone'))
  })
  void ended.then((how) => {
    ending = how
  })
  const signal = async (name: NodeJS.Signals) => {
    child.kill(name)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    const how = await ended
    clearTimeout(timer)
    return how
  }
  return {
    out,
    errors,
    ending: () => ending,
    ended,
    stop: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
  }
}

function collectLines(stream: NodeJS.ReadableStream | null, lines: string[]): void {
  let rest = ''
  stream?.on('data', (chunk) => {
    const pieces = `${rest}${String(chunk)}`.split('\n')
    rest = pieces.pop() ?? ''
    lines.push(...pieces)
  })
  stream?.on('end', () => {
    if (rest !== '') lines.push(rest)
  })
}
