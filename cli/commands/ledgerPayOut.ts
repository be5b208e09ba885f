/**
 * `tickpay ledger pay-out`
 * @module
 */
import { argument, defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Pays a withdrawal out, once its notice is over',
  details: [worksOffline],
  arguments: {
    fleet: argument('whose allocation'),
    reference: argument('the reference that "tickpay ledger withdraw" gave'),
  },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay ledger pay-out acme withdrawal-3679c00a6b2d181c'],
  run: ({ fleet, reference, ...how }, terminal) =>
    runVerb('ledger_complete_withdrawal', { fleet, reference }, how, terminal),
})
