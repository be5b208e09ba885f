/**
 * `tickpay ledger balance`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Shows the accounts of the ledger',
  details: [worksOffline],
  arguments: {},
  options: {
    account: text('ACCOUNT', 'only this account'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay ledger balance'],
  run: ({ account, ...how }, terminal) => runVerb('ledger_balance', { account }, how, terminal),
})
