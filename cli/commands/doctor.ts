/**
 * `tickpay doctor`
 * @module
 */

import { OperatorError } from '../../ports/operatorError.ts'
import { defineCommand, jsonOption, text } from '../command.ts'
import { findingLines } from '../doctor/finding.ts'
import { type ExitCode, exitCodes } from '../exitCodes.ts'
import { configPath } from '../io/gatewayCalls.ts'
import { readYaml } from '../io/readYaml.ts'
import { jsonText } from '../jsonLine.ts'
import { roleOf } from '../role.ts'
import type { Terminal } from '../terminal.ts'

export const command = defineCommand({
  summary: 'Looks for what keeps a gateway or an agent from working, and says what to do',
  details: [
    'The clock, the disk and how fast it is, ports, certificates, serial lines, the ledger, the',
    'broker, and who may read keys. Changes nothing but for a file in the data folder that it',
    'writes and removes. Exit code 4 when something fails; warnings are no failure.',
  ],
  arguments: {},
  options: {
    config: text('FILE', 'gateway.yaml or agent.yaml (default: gateway.yaml)'),
    ...jsonOption,
  },
  examples: ['tickpay doctor --config gateway.yaml', 'tickpay doctor --config agent.yaml --json'],
  run: ({ config, json }, terminal) =>
    examine(configPath(config), json ? 'json' : 'lines', terminal),
})

async function examine(
  path: string,
  form: 'json' | 'lines',
  terminal: Terminal,
): Promise<ExitCode> {
  const findings = await findingsOf(path)
  for (const line of form === 'json' ? [jsonText(findings)] : findingLines(findings)) {
    terminal.out(line)
  }
  return findings.some(({ state }) => state === 'fail') ? exitCodes.unusable : exitCodes.ok
}

async function findingsOf(path: string) {
  const role = roleOf(path, Object.keys(await readYaml(path)))
  if (role === 'gateway') return (await import('../doctor/gateway.ts')).examineGateway(path)
  if (role === 'agent') return (await import('../doctor/agent.ts')).examineAgent(path)
  throw new OperatorError(`${path} is of a ${role}: give the one of a gateway or an agent`)
}
