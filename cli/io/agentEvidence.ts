/**
 * What an agent can show in a dispute: the newest receipt of its gateway, from its record. The rest
 * of a bundle it has signed itself, and whoever claims by it has to show it.
 * @module
 */

import { domainOf } from '../../agent/config.ts'
import { readAgentConfig } from '../../agent/io/runAgent.ts'
import { parseRecord, RECORD_FILE } from '../../agent/records.ts'
import { formatEvidence } from '../../ledger/rules/evidenceBundle.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { decodeReceipt } from '../../protocol/receipts.ts'

/**
 * The text of a bundle.
 * @throws OperatorError where there is no receipt of this meter
 */
export async function agentEvidence(
  path: string,
  meter: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const config = await readAgentConfig(path, environment)
  const bytes = await (await nodeDisk(config.stateDirectory)).read(RECORD_FILE)
  const record = bytes && parseRecord(new TextDecoder().decode(bytes))
  const payload = record?.meters.get(meter)?.receipt
  const receipt = payload && decodeReceipt(payload)
  if (!receipt) {
    throw new OperatorError(
      `no receipt of meter ${meter} is on the disk: it is written once an hour and at the end`,
    )
  }
  return formatEvidence({
    domain: domainOf(config),
    gatewayKey: config.gateway.key,
    signerKey: config.fleetSigner,
    channel: undefined,
    tariffs: [],
    mandates: [],
    commitments: [],
    words: [],
    receipts: [receipt],
    statements: [],
  })
}
