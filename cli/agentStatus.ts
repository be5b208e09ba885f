/**
 * How an agent is doing: asked through its socket when it runs, else what it knew last.
 * @module
 */
import { findStatus, readAgentConfig } from '../agent/io/runAgent.ts'
import { UnreachableError } from './exitCodes.ts'

/**
 * The status of the agent with the configuration in `path`; `note` is told when it is not running.
 * @throws UnreachableError when it never ran
 */
export async function agentStatus(path: string, note: (line: string) => void): Promise<unknown> {
  const { stateDirectory } = await readAgentConfig(path, process.env)
  const found = await findStatus(stateDirectory)
  if (found === undefined) {
    const start = `tickpay agent --config ${path}`
    throw new UnreachableError(`no agent has run on ${stateDirectory} yet; start it: ${start}`)
  }
  if (found.running) return found.status
  note('the agent is not running, this is what it knew last')
  return { meters: found.meters }
}
