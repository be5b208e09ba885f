/**
 * `tickpay demo`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { runDemo } from '../demo/demo.ts'
import { readDuration } from '../demo/plan.ts'
import { UsageError } from '../exitCodes.ts'

export const command = defineCommand({
  summary: 'Shows the whole loop on this machine: three meters being paid for',
  details: [
    'A gateway, three agents and three simulated meters, each a program of its own. The serial',
    'lines are ptys where socat is there, else TCP. Ctrl-C ends it with the reconciliation of four',
    'books: the registers of the meters, the store of the gateway, the agents and the ledger.',
    'Exit code 1 when they do not agree.',
  ],
  arguments: {},
  options: {
    for: text('DURATION', 'ends by itself, for example after 30s or 5m'),
    data: text('FOLDER', 'a new folder that is kept (default: a temporary one)'),
    ...jsonOption,
  },
  examples: ['tickpay demo', 'tickpay demo --for 30s --json'],
  run: (values, terminal) => {
    const { data: folder, json } = values
    const forSeconds = values.for === undefined ? undefined : readDuration(values.for)
    if (values.for !== undefined && forSeconds === undefined) {
      throw new UsageError(`--for is a duration such as 30s or 5m, not "${values.for}"`)
    }
    return runDemo({ forSeconds, folder, output: json ? 'json' : 'people' }, terminal)
  },
})
