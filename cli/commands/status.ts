/**
 * `tickpay status`
 * @module
 */

import { agentStatus } from '../agentStatus.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { configPath, openRunning } from '../io/gatewayCalls.ts'
import { readYaml } from '../io/readYaml.ts'
import { jsonText } from '../jsonLine.ts'
import { roleOf } from '../role.ts'
import { dataLines } from '../show.ts'

export const command = defineCommand({
  summary: 'Shows how a gateway or an agent is doing',
  details: [
    'Of a gateway: what it accepted, refused and settled since its store began; exit code 3 when',
    'it does not run. Of an agent: its meters, what is paid and unpaid, and why supply is off;',
    'when it does not run, what it knew last.',
  ],
  arguments: {},
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay status --config gateway.yaml', 'tickpay status --config agent.yaml --json'],
  run: async ({ json, ...place }, terminal) => {
    const data = await statusAt(place, terminal.error)
    const columns = terminal.isScreen ? terminal.columns() : Number.POSITIVE_INFINITY
    for (const line of json ? [jsonText(data)] : dataLines(data, columns)) terminal.out(line)
    return exitCodes.ok
  },
})

type Place = { readonly config: string | undefined; readonly socket: string | undefined }

async function statusAt(place: Place, note: (line: string) => void): Promise<unknown> {
  if (place.socket === undefined) {
    const path = configPath(place.config)
    const keys = Object.keys(await readYaml(path))
    if (roleOf(path, keys) === 'agent') return agentStatus(path, note)
  }
  const calls = await openRunning(place)
  try {
    return await calls.call('status', {})
  } finally {
    await calls.close()
  }
}
