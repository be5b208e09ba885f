/**
 * How an agent is doing: asked through its socket when it runs, else what it knew last.
 * @module
 */
import { join } from 'node:path'
import { nodeDisk } from '../ports/io/disk.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { connectControl } from './io/controlClient.ts'
import { readYaml } from './io/readYaml.ts'

/**
 * The status of the agent with the configuration in `path`; `note` is told when it is not running.
 * @throws OperatorError when it never ran
 */
export async function agentStatus(path: string, note: (line: string) => void): Promise<unknown> {
  const { stateDirectory } = await readYaml(path)
  const folder = String(stateDirectory)
  const calls = await connectControl(join(folder, 'agent.sock'))
  if (calls === undefined) {
    note(`no agent is running on ${folder}, this is what it knew last`)
    const bytes = await (await nodeDisk(folder)).read('agent.json')
    if (bytes !== undefined) return JSON.parse(new TextDecoder().decode(bytes))
    throw new OperatorError(`the agent of ${path} has not run yet: tickpay agent --config ${path}`)
  }
  try {
    return await calls.call('status', {})
  } finally {
    await calls.close()
  }
}
