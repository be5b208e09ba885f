/**
 * The agent as a program of its own: the entry of the bundle that devices carry.
 * @module
 */
import { nodeTimers } from '../../ports/io/node.ts'
import { serviceManager } from '../../ports/io/serviceManager.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { readClaimedConfig } from './claim.ts'
import { findStatus, readAgentConfig, runAgent } from './runAgent.ts'

/** Set by the bundler. */
declare const TICKPAY_VERSION: string | undefined
const version = typeof TICKPAY_VERSION === 'undefined' ? 'development' : TICKPAY_VERSION

const usage = `Pays for what a device consumes, while it consumes it.

Usage:
  node tickpay-agent.mjs CONFIG.yaml          run the agent; SIGTERM stops it
  node tickpay-agent.mjs status CONFIG.yaml   what it does now, or knew last, as JSON
  node tickpay-agent.mjs --help | --version

Every key of the configuration can be set from the environment: gateway.url is
TICKPAY_AGENT__GATEWAY__URL. TICKPAY_CLAIM is a claim, or a file with one, of a device that is not
enrolled yet. Log lines are JSON on standard error.

Exit codes: 0 stopped or answered, 2 wrong usage, 3 no agent runs there, 4 cannot start (one line
says why).
`

const exitCodes = { ok: 0, usage: 2, notRunning: 3, unusable: 4 } as const

async function main(words: readonly string[]): Promise<number> {
  const [first, second, ...rest] = words
  if (first === '--help' || first === '-h') return say(usage)
  if (first === '--version') return say(`${version}\n`)
  if (first === 'status' && second !== undefined && rest.length === 0) return showStatus(second)
  if (first === undefined || second !== undefined || first.startsWith('-')) {
    process.stderr.write(usage)
    return exitCodes.usage
  }
  const claim = process.env['TICKPAY_CLAIM']
  const config =
    claim === undefined
      ? await readAgentConfig(first, process.env)
      : await readClaimedConfig(first, process.env, claim)
  const stopped = stopSignal()
  const agent = await runAgent(config, process.env, version)
  const manager = serviceManager(process.env, nodeTimers, (line) => {
    process.stderr.write(`${line}\n`)
  })
  await manager.ready()
  await stopped
  await Promise.all([manager.stopping(), agent.close()])
  return exitCodes.ok
}

async function showStatus(path: string): Promise<number> {
  const { stateDirectory } = await readAgentConfig(path, process.env)
  const found = await findStatus(stateDirectory)
  if (!found) throw new OperatorError(`no agent has run on ${stateDirectory} yet`)
  say(`${JSON.stringify(found, undefined, 2)}\n`)
  return found.running ? exitCodes.ok : exitCodes.notRunning
}

function say(text: string): number {
  process.stdout.write(text)
  return exitCodes.ok
}

/** Resolves with the first SIGINT or SIGTERM; the second ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        count += 1
        if (count > 1) process.exit(1)
        resolve()
      })
    }
  })
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  if (!(error instanceof OperatorError)) throw error
  process.stderr.write(`tickpay-agent: ${error.message}\n`)
  process.exit(exitCodes.unusable)
}
