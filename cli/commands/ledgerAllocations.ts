/**
 * `tickpay ledger allocations`
 * @module
 */
import { defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lists what each fleet has set aside, and what is left of it',
  details: [worksOffline],
  arguments: {},
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay ledger allocations'],
  run: (how, terminal) => runVerb('ledger_allocations', {}, how, terminal),
})
