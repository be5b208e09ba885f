/**
 * `tickpay ledger withdraw`
 * @module
 */
import { typedAmount } from '../amounts.ts'
import { argument, defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { assetAt } from '../io/gatewayCalls.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Takes money that a fleet has set aside back, after the notice',
  details: [
    'From now on no new commitment may count on the amount. It is paid back when the notice is',
    'over, because until then older commitments may still claim it.',
    '',
    worksOffline,
  ],
  arguments: {
    fleet: argument('whose allocation'),
    amount: argument('minor units (5000) or decimal with code (50EUR)'),
  },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay ledger withdraw acme 10EUR'],
  run: async ({ fleet, amount, ...how }, terminal) => {
    const value = typedAmount(amount, await assetAt(how))
    return runVerb('ledger_withdraw', { fleet, amount: `${value}` }, how, terminal)
  },
})
