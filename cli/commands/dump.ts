/**
 * `tickpay dump`
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { defineCommand, flag, text } from '../command.ts'
import { type Dump, dumpAgent, dumpGateway, pseudonymsBy } from '../dump/collect.ts'
import { withoutSecrets, withPseudonyms } from '../dump/redact.ts'
import { exitCodes } from '../exitCodes.ts'
import { configPath } from '../io/gatewayCalls.ts'
import { readYaml } from '../io/readYaml.ts'
import { roleOf } from '../role.ts'

export const command = defineCommand({
  summary: 'Prints configuration and state as JSON, for somebody who is to help',
  details: [
    'Of a gateway also its channels, credentials (by name) and accounts; it works without a',
    'running one. Keys, passphrases, passwords and what programs are called with are never in it,',
    'and of addresses only host and port. With --redact names, ids, hosts and paths are',
    'pseudonyms, which are the same in every dump of this installation; amounts, units, times and',
    'reasons stay.',
  ],
  arguments: {},
  options: {
    config: text('FILE', 'gateway.yaml or agent.yaml (default: gateway.yaml)'),
    redact: flag('puts pseudonyms in the place of all names'),
  },
  examples: ['tickpay dump --config gateway.yaml --redact > ticket.json'],
  run: async ({ config, redact }, terminal) => {
    const path = configPath(config)
    const { dump, keyFile } = await collect(path, terminal.error)
    const clean = withoutSecrets(dump)
    const shown = redact ? withPseudonyms(clean, await pseudonymsBy(keyFile)) : clean
    terminal.out(JSON.stringify(shown, null, 2))
    return exitCodes.ok
  },
})

type Collected = { readonly dump: Dump; readonly keyFile: string | undefined }

async function collect(path: string, note: (line: string) => void): Promise<Collected> {
  const yaml = await readYaml(path)
  const role = roleOf(path, Object.keys(yaml))
  const dumps = { gateway: dumpGateway, agent: dumpAgent }
  if (role !== 'gateway' && role !== 'agent') {
    throw new OperatorError(`${path} is of a ${role}: give the one of a gateway or an agent`)
  }
  return { dump: await dumps[role](path, note), keyFile: keyFileOf(yaml) }
}

function keyFileOf(yaml: Readonly<Record<string, unknown>>): string | undefined {
  const key = yaml['key']
  if (typeof key !== 'object' || key === null || !('file' in key)) return undefined
  return typeof key.file === 'string' ? key.file : undefined
}
