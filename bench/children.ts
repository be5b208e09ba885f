/**
 * Child processes of the suite: programs that are told what to do over a channel, and programs
 * that only run. All of them end with the suite.
 * @module
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import type {
  Answer,
  ClosedCommand,
  Command,
  OpenCommand,
  Result,
  RotatingCommand,
  WindowResult,
} from './load/messages.ts'

const STOP_TIMEOUT_MS = 20_000

/** Children that must not outlive the suite, whatever happens to it. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Ended = {
  readonly once: (signal: (typeof endings)[number], act: () => void) => unknown
  readonly exit: (code: number) => unknown
}

/** A signal ends the suite in the way that its listeners for `exit` hear of, which end children. */
export function exitOnSignals(program: Ended): void {
  for (const signal of endings) {
    program.once(signal, () => program.exit(128 + constants.signals[signal]))
  }
}

/** The compiled program at `path`, relative to this folder and without its ending. */
export function programPath(path: string): string {
  return fileURLToPath(new URL(`./${path}.js`, import.meta.url))
}

export type RunningChild = {
  readonly pid: number
  readonly process: ChildProcess
  /** Ends it with `signal` and resolves when it is gone. */
  readonly stop: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>
}

/** Starts a program of any kind; its standard error is the suite's, its environment with `more`. */
export function startProgram(
  file: string,
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): RunningChild {
  const env = { ...process.env, ...more }
  return watch(spawn(file, [...words], { stdio: ['ignore', 'pipe', 'inherit'], env }))
}

/** Starts a compiled program of the suite with a channel. */
export function startTold(path: string, words: readonly string[]): RunningChild {
  const options = {
    serialization: 'advanced' as const,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'] as ('ignore' | 'inherit' | 'ipc')[],
  }
  return watch(fork(programPath(path), [...words], options))
}

function watch(child: ChildProcess): RunningChild {
  running.add(child)
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running.delete(child)
      resolve()
    })
  })
  return {
    pid: child.pid ?? 0,
    process: child,
    stop: async (signal) => {
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await gone
      clearTimeout(timer)
    },
  }
}

/** The first line that a program prints. */
export function firstLine({ process: child }: RunningChild): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    child.once('exit', (code) => reject(new Error(`a program ended at its start (${code})`)))
  })
}

/** A port of this machine that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

export type Generator = {
  readonly pid: number
  readonly ask: (command: Command) => Promise<Result>
  /** As `ask`, for the commands that measure. */
  readonly measure: (
    command: ClosedCommand | OpenCommand | RotatingCommand,
  ) => Promise<WindowResult>
  readonly stop: () => Promise<void>
}

/** A load generator in a process of its own. */
export function startGenerator(): Generator {
  const child = startTold('load/generator', [])
  const ask = createAsk<Command, Result>(child)
  return {
    pid: child.pid,
    ask,
    measure: async (command) => (await ask(command)) as WindowResult,
    stop: () => child.stop('SIGKILL'),
  }
}

/** One question at a time over a child's channel. */
export function createAsk<Asked, Answered>(
  child: RunningChild,
): (command: Asked) => Promise<Answered> {
  let lastId = 0
  let settle: { resolve: (result: Answered) => void; reject: (error: Error) => void } | undefined
  child.process.on('message', (message: Answer) => {
    if (message.id !== lastId && message.error === undefined) return
    if (message.error !== undefined) settle?.reject(new Error(message.error))
    else settle?.resolve(message.result as Answered)
  })
  child.process.once('exit', (code) => {
    settle?.reject(new Error(`a process of the suite ended unexpectedly (${code})`))
  })
  return (command) =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject }
      child.process.send({ id: ++lastId, command } as never)
    })
}
