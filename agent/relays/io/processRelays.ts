/**
 * Relays that are switched by programs: GPIO lines through `gpioset` of libgpiod, and commands of
 * the operator's own.
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { commandFailure } from '../../../ports/io/commandFailure.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { RELAY_TIMEOUT_MS, type Relay, type RelayConfig } from '../types.ts'

/** A line that cannot be had is told of within this. */
const HOLD_PROOF_MS = 300
const OUTPUT_BYTES_MAX = 4_096

/** Runs a program for each change; exit code 0 means done. */
export function commandRelay({ off, on }: RelayConfig & { kind: 'command' }): Relay {
  let done: boolean | undefined
  return {
    set: async (closed) => {
      if (done === closed) return
      done = undefined
      await output(closed ? on : off)
      done = closed
    },
    close: async () => {},
  }
}

/**
 * A line is held by a `gpioset` that ends when its standard input does: whatever ends this process
 * also lets go of the line, and the relay's own pull resistor opens it.
 */
export function gpioRelay(config: RelayConfig & { kind: 'gpio' }): Relay {
  let holder: { readonly child: ChildProcess; readonly closed: boolean } | undefined
  const letGo = async () => {
    const old = holder?.child
    holder = undefined
    if (!old || old.exitCode !== null || old.signalCode !== null) return
    const gone = new Promise<void>((resolve) => old.once('exit', () => resolve()))
    old.kill('SIGTERM')
    await gone
  }
  return {
    set: async (closed) => {
      const isHeld = holder?.child.exitCode === null && holder.child.signalCode === null
      if (isHeld && holder?.closed === closed) return
      await letGo()
      holder = { child: await hold(await holdWords(config, closed)), closed }
    },
    close: letGo,
  }
}

async function holdWords(
  { activeLow, chip, line }: RelayConfig & { kind: 'gpio' },
  closed: boolean,
): Promise<readonly string[]> {
  const value = `${line}=${closed === activeLow ? 0 : 1}`
  const isFirst = (await output(['gpioset', '--version'])).includes(' v1.')
  return isFirst ? ['--mode=wait', chip, value] : ['--interactive', '--chip', chip, value]
}

function hold(words: readonly string[]): Promise<ChildProcess> {
  const child = spawn('gpioset', [...words], { stdio: ['pipe', 'ignore', 'ignore'] })
  child.stdin?.on('error', () => undefined)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(child), HOLD_PROOF_MS)
    const fail = (why: string) => {
      clearTimeout(timer)
      reject(new OperatorError(`gpioset ${words.join(' ')}: ${why}`))
    }
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code) => fail(`ended with code ${code}: check chip, line and permissions`))
  })
}

/** What a program writes to standard output. */
function output([program = '', ...words]: readonly string[]): Promise<string> {
  const options = {
    timeout: RELAY_TIMEOUT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_BYTES_MAX,
  } as const
  return new Promise((resolve, reject) => {
    execFile(program, words, options, (error, text) => {
      if (!error) return resolve(text)
      const why = commandFailure(error, RELAY_TIMEOUT_MS, 'more than it should')
      reject(new OperatorError(`the relay command ${program}: ${why}`))
    })
  })
}
