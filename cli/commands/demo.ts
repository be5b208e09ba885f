/**
 * `tickpay demo`
 * @module
 */
import { defineCommand, flag, jsonOption, text } from '../command.ts'
import { runDemo } from '../demo/demo.ts'
import { demoLedgers } from '../demo/ledgers.ts'
import { readDuration } from '../demo/plan.ts'
import { UsageError } from '../exitCodes.ts'

export const command = defineCommand({
  summary: 'Shows the whole loop on this machine: three meters being paid for',
  details: [
    "A gateway, a fleet's service, three agents and three simulated meters, each a program of its",
    'own. The serial lines are ptys where socat is there, else TCP. The fleet co-signs what is',
    'owed every few seconds. Ctrl-C ends it by reconciling four books: the registers of',
    'the meters, the store of the gateway, the agents and the ledger. Exit code 1 when they do not',
    'agree.',
  ],
  arguments: {},
  options: {
    for: text('DURATION', 'ends by itself, for example after 30s or 5m'),
    'no-cosign': flag('the fleet co-signs nothing: the evidence of each channel settles'),
    ledger: text('KIND', `${demoLedgers.join(' or ')} (default: embedded)`),
    data: text('FOLDER', 'a new folder that is kept (default: a temporary one)'),
    ...jsonOption,
  },
  examples: ['tickpay demo', 'tickpay demo --for 30s --json', 'tickpay demo --no-cosign'],
  run: (values, terminal) => {
    const { data: folder, json } = values
    const forSeconds = values.for === undefined ? undefined : readDuration(values.for)
    if (values.for !== undefined && forSeconds === undefined) {
      throw new UsageError(`--for is a duration such as 30s or 5m, not "${values.for}"`)
    }
    const ledger = readLedger(values.ledger, folder)
    const settling = values['no-cosign'] ? 'evidence' : 'statements'
    return runDemo(
      { forSeconds, folder, ledger, settling, output: json ? 'json' : 'people' },
      terminal,
    )
  },
})

function readLedger(kind: string | undefined, folder: string | undefined): string {
  if (kind === undefined) return 'embedded'
  if (!demoLedgers.includes(kind)) {
    throw new UsageError(`--ledger is ${demoLedgers.join(' or ')}, not "${kind}"`)
  }
  if (kind !== 'embedded' && folder !== undefined) {
    throw new UsageError('--data keeps a demo with the embedded ledger only: a server ends with it')
  }
  return kind
}
