/**
 * `tickpay fleet cosign`
 * @module
 */
import { fleetConfigSchema } from '../../fleet/config.ts'
import type { CosignResult } from '../../fleet/cosigner.ts'
import { cosignOnce } from '../../fleet/cosignOnce.ts'
import { describeDifference } from '../../fleet/statementCheck.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { defineCommand, flag, jsonOption, needed } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { statementWatch } from '../io/fleetStatements.ts'
import { openSigner } from '../io/keyFiles.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'
import { fleetPrefix } from './fleetServe.ts'

export const command = defineCommand({
  summary: 'Co-signs the statement that waits at the gateway, or says what differs',
  details: [
    'Compares the statement with what the devices say themselves, what the gateway has reported',
    'and what was signed before, and names every difference, one a line. Exit code 1 when there',
    'is one: then nothing is signed, and the gateway settles with the evidence of each channel.',
    'Stop a running "tickpay fleet serve" first: a fleet signs in once at a time.',
  ],
  arguments: {},
  options: {
    config: needed('FILE', 'configuration, for example fleet.yaml, with "statements" in it'),
    'dry-run': flag('only compares; signs nothing'),
    ...jsonOption,
  },
  examples: [
    'tickpay fleet cosign --config fleet.yaml --dry-run',
    'tickpay fleet cosign --config fleet.yaml',
  ],
  run: async (values, terminal) => {
    const config = await readConfigFile(values.config, fleetPrefix, fleetConfigSchema, process.env)
    const { signerKey, ownKey } = await openSigner(config.key, terminal.error)
    const { fleet, gateway, ledger } = config
    const domain = { chainId: ledger.chainId, verifyingContract: ledger.contract }
    const identity = { fleet, signerKey, gateway, domain }
    const ports = nodePorts(jsonLog(config.log))
    const statements = await statementWatch(config, identity, ports)
    if (!statements) {
      throw new OperatorError(
        `${values.config} has no "statements": name a folder for what is signed there`,
      )
    }
    const connector = await brokerConnector(gateway, process.env, ownKey)
    const mode = values['dry-run'] ? 'look' : 'sign'
    const result = await cosignOnce({ identity, connector, statements, mode }, ports)
    if (values.json) terminal.out(jsonText(resultJson(result)))
    else showResult(result, terminal)
    return result.outcome === 'differs' ? exitCodes.failed : exitCodes.ok
  },
})

function resultJson({ outcome, sequence, total, channels, differences, status }: CosignResult) {
  return { outcome, sequence, total: `${total}`, channels, status, differences }
}

const outcomes: Readonly<Record<CosignResult['outcome'], string>> = {
  nothing_waits: 'no statement waits',
  cosigned: 'co-signed',
  sound: 'nothing differs; it was not signed',
  gave_back: 'the gateway had lost what it stated; its leaves were given back',
  differs: 'differs and was not signed',
}

function showResult(result: CosignResult, terminal: Terminal): void {
  const { outcome, sequence, total, differences, status } = result
  for (const one of differences) terminal.out(describeDifference(one))
  if (outcome === 'nothing_waits') terminal.out(outcomes[outcome])
  else {
    const answer = status === null ? '' : ` (${status})`
    terminal.out(`statement ${sequence} of ${total} minor units: ${outcomes[outcome]}${answer}`)
  }
}
