/**
 * A chain of its own for demonstrations, benchmarks and tests: anvil, from its npm package or from
 * the path in TICKPAY_ANVIL.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { OperatorError } from '../../../ports/operatorError.ts'

export type Anvil = { readonly rpcUrl: string; readonly stop: () => Promise<void> }

/** Rules by which the chain runs: `osaka` has the P-256 precompile, `prague` does not. */
export type Hardfork = 'osaka' | 'prague'

/** Undefined where the optional package is not installed. */
export function anvilPath(): string | undefined {
  const configured = process.env['TICKPAY_ANVIL']
  if (configured !== undefined) return configured
  try {
    const require = createRequire(import.meta.url)
    const manifest = require.resolve('@foundry-rs/anvil-linux-amd64/package.json')
    const path = join(dirname(manifest), 'bin', 'anvil')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

const START_TIMEOUT_MS = 20_000

/** Starts a chain on a free port. Accounts are those of anvil's published mnemonic. */
export async function startAnvil(
  hardfork: Hardfork,
  options: readonly string[] = [],
): Promise<Anvil> {
  const path = anvilPath()
  if (path === undefined) {
    throw new OperatorError(
      'ledger evm: anvil is not installed; run `npm install` without --omit=optional or set ' +
        'TICKPAY_ANVIL to its path',
    )
  }
  const words = ['--port', '0', '--hardfork', hardfork, '--accounts', '4', ...options]
  const child = spawn(path, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('close', () => process.off('exit', kill))
  const address = await listening(child, path)
  return { rpcUrl: `http://${address}`, stop: () => stop(child) }
}

function listening(child: ChildProcess, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const fail = (why: string) => {
      child.kill('SIGKILL')
      reject(new OperatorError(`ledger evm: ${path} did not start: ${why.trim()}`))
    }
    const timer = setTimeout(() => fail('nothing heard from it'), START_TIMEOUT_MS)
    const onText = (chunk: Buffer) => {
      said += chunk.toString()
      const found = /Listening on (\S+)/.exec(said)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      child.stdout?.removeAllListeners('data').resume()
      resolve(found)
    }
    child.stdout?.on('data', onText)
    child.stderr?.on('data', onText)
    child.once('error', (error) => fail(error.message))
    child.once('exit', () => fail(said))
  })
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.removeAllListeners('exit')
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
