/**
 * Everything about a gateway or an agent that helps somebody else to understand what is wrong.
 * @module
 */
import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { arch, platform, release } from 'node:os'
import { OperatorError } from '../../ports/operatorError.ts'
import { agentStatus } from '../agentStatus.ts'
import { type Calls, openCalls, readGatewayConfig } from '../io/gatewayCalls.ts'
import { VERSION } from '../version.ts'
import type { Pseudonym } from './redact.ts'

export type Dump = {
  readonly about: object
  readonly configuration: unknown
  readonly state: unknown
}

/** What a gateway is asked; each takes part for itself. */
const verbs = ['status', 'channels', 'credential_list', 'ledger_allocations', 'ledger_balance']

/** @throws OperatorError when neither the gateway nor its store can be used */
export async function dumpGateway(path: string, note: (line: string) => void): Promise<Dump> {
  const configuration = await readGatewayConfig(path)
  const calls = await openCalls({ config: path, socket: undefined }, note)
  try {
    const state: Record<string, unknown> = {}
    for (const verb of verbs) state[verb] = await answerTo(calls, verb)
    return { about: about('gateway'), configuration, state }
  } finally {
    await calls.close()
  }
}

/** What one verb cannot answer must not hide what the others can. */
async function answerTo({ call }: Calls, verb: string): Promise<unknown> {
  try {
    return await call(verb, {})
  } catch (error) {
    if (error instanceof OperatorError) return { error: error.message }
    throw error
  }
}

export async function dumpAgent(path: string, note: (line: string) => void): Promise<Dump> {
  const { readAgentConfig } = await import('../../agent/io/runAgent.ts')
  const configuration = await readAgentConfig(path, process.env)
  const state = await agentStatus(path, note).catch((error: unknown) => {
    if (error instanceof OperatorError) return { error: error.message }
    throw error
  })
  return { about: about('agent'), configuration, state }
}

function about(role: string): object {
  return {
    role,
    version: VERSION,
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    madeAt: new Date().toISOString(),
  }
}

const PSEUDONYM_HEX = 8

/**
 * Pseudonyms that are the same in every dump of this installation and that nobody can compute who
 * does not have `keyFile`; without one, they are the same within this dump.
 */
export async function pseudonymsBy(keyFile: string | undefined): Promise<Pseudonym> {
  const own = keyFile === undefined ? undefined : await readFile(keyFile).catch(() => undefined)
  const key = own ?? randomBytes(32)
  return (kind, name) => {
    const hash = createHmac('sha256', key).update(`tickpay pseudonym ${kind} ${name}`)
    return `${kind}-${hash.digest('hex').slice(0, PSEUDONYM_HEX)}`
  }
}
