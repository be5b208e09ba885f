/**
 * Faults at system calls of a real process, by strace: which calls reach the disk, and what happens
 * when exactly one of them fails or the process is killed at it.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { until } from './until.ts'

/** Calls that change files or make a change durable. */
export const WRITING_CALLS = [
  ...['write', 'pwrite64', 'writev', 'pwritev', 'copy_file_range', 'sendfile'],
  ...['fdatasync', 'fsync', 'msync', 'sync_file_range'],
  ...['rename', 'renameat2', 'ftruncate', 'fallocate', 'unlink', 'rmdir', 'mkdir'],
] as const

/** Call number `count` of `syscall` on the file or folder at `path`. */
export type FaultPoint = {
  readonly syscall: string
  readonly path: string
  readonly count: number
}

export type Fault = 'kill' | 'EIO'

/** libuv's threads are one, so that calls have one order and one count. */
export const ONE_THREAD = { UV_THREADPOOL_SIZE: '1' }

/** Why there can be no faults here; undefined when there can. */
export const whyStraceIsMissing = probe()

function probe(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  })
  if (error) return `strace is not installed (${error.message}): apt-get install strace`
  return status === 0 ? undefined : `strace may not trace here: ${stderr.trim()}`
}

/** Words that log to `log` all writing calls. */
export function recordWords(log: string): readonly string[] {
  return ['-f', '-y', '-q', '-o', log, '-e', `trace=${WRITING_CALLS.join(',')}`]
}

/** Words that log one kind of calls on one path, and spoil one of them. */
export function faultWords({ syscall, path, count }: FaultPoint, fault: Fault, log: string) {
  const how = fault === 'kill' ? 'signal=KILL' : 'error=EIO'
  const inject = `inject=${syscall}:${how}:when=${count}`
  return ['-f', '-y', '-q', '-o', log, '-P', path, '-e', `trace=${syscall}`, '-e', inject]
}

/** True when the log of a run with `faultWords` shows that the call was reached. */
export function wasReached(log: string, fault: Fault): boolean {
  const text = readFileSync(log, 'utf8')
  return fault === 'EIO' ? text.includes('(INJECTED)') : text.includes('+++ killed by SIGKILL +++')
}

/**
 * The calls on anything in `folder` that a log holds, in order. As strace counts: each thread has
 * a count of its own, and whichever comes to it first is the one that is hit.
 */
export function pointsIn(log: string, folder: string): readonly FaultPoint[] {
  const counts = new Map<string, number>()
  const points: FaultPoint[] = []
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const found = /^(\d+) +(\w+)\((?:\d+<([^>]*)>|"([^"]*)")/.exec(line)
    const [, thread = '', syscall = '', opened, named] = found ?? []
    const path = opened ?? named ?? ''
    if (!path.startsWith(folder)) continue
    const name = `${thread} ${syscall} ${path}`
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    const isKnown = points.some(
      (one) => one.syscall === syscall && one.path === path && one.count === count,
    )
    if (!isKnown) points.push({ syscall, path, count })
  }
  return points
}

/** Attaches to a running process; resolves when it is traced. */
export async function attach(pid: number, words: readonly string[]): Promise<Tracer> {
  // Without -q it says when it has attached.
  const loud = words.filter((word) => word !== '-q')
  const child = spawn('strace', [...loud, '-p', `${pid}`], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
  })
  let over = false
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      over = true
      resolve()
    })
  })
  await until('strace is attached', () => over || said.includes('attached'))
  if (over) throw new Error(`strace ended: ${said}`)
  return { detach: () => detach(child, ended) }
}

export type Tracer = {
  /** Resolves when its log is complete; what it traced goes on by itself. */
  readonly detach: () => Promise<void>
}

async function detach(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGINT')
  await ended
}
