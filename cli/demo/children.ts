/**
 * The programs of the demo as processes of their own: started, watched, stopped.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { OperatorError } from '../../ports/operatorError.ts'

/** A program that has not said its first line by then will not. */
const startTimeoutMs = 20_000
/** After SIGTERM; then it is killed. */
const stopTimeoutMs = 10_000

export type Child = {
  readonly name: string
  /** The first line it printed: it is ready. */
  readonly ready: Promise<string>
  /** Resolves with a line about its end, when it ends without being told to. */
  readonly lost: Promise<string>
  /** SIGTERM, and resolves when it is gone. */
  readonly stop: () => Promise<void>
}

/**
 * Starts the program `file` with `words`, its standard error going to the file `log`. It has its
 * own process group, so that Ctrl-C reaches the demo alone, which then stops all in order.
 */
export function startChild(
  name: string,
  file: string,
  words: readonly string[],
  log: string,
): Child {
  const logFile = openSync(log, 'a', 0o600)
  const child = spawn(file, words, { detached: true, stdio: ['pipe', 'pipe', logFile, 'ipc'] })
  closeSync(logFile)
  const ended = endOf(child)
  let isStopping = false
  const lost = new Promise<string>((resolve) => {
    ended.then((how) => {
      if (!isStopping) resolve(`${name} ended unexpectedly (${how}): ${lastLine(log)}`)
    })
  })
  const ready = firstLine(child, ended, { name, log })
  // Whoever is lost before it is ready is also told of by `lost`.
  ready.catch(() => {})
  return {
    name,
    ready,
    lost,
    stop: async () => {
      isStopping = true
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      await ended
      clearTimeout(timer)
    },
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
}

function firstLine(
  child: ChildProcess,
  ended: Promise<string>,
  { name, log }: { readonly name: string; readonly log: string },
): Promise<string> {
  const { stdout } = child
  return new Promise((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new OperatorError(`${name}: ${reason}: ${lastLine(log)}`))
    const timer = setTimeout(() => fail('it does not get ready'), startTimeoutMs)
    ended.then((how) => {
      clearTimeout(timer)
      fail(`it ended before it was ready (${how})`)
    })
    if (stdout === null) return
    const lines = createInterface({ input: stdout })
    lines.on('line', (line) => {
      clearTimeout(timer)
      resolve(line)
    })
  })
}

function lastLine(path: string): string {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  return lines.at(-1) || 'it said nothing'
}
