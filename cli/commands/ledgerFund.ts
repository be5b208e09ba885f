/**
 * `tickpay ledger fund`
 * @module
 */
import { typedAmount } from '../amounts.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { assetAt } from '../io/gatewayCalls.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Books a deposit to what a fleet has set aside',
  details: [
    'The money itself arrives by other means; the reference names that payment, and the same',
    'reference is booked only once.',
    '',
    worksOffline,
  ],
  arguments: {
    fleet: argument('whose allocation'),
    amount: argument('minor units (5000) or decimal with code (50EUR)'),
  },
  options: {
    reference: text('TEXT', 'the payment behind it, letters, digits and dashes'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay ledger fund acme 50EUR --reference invoice-17'],
  run: async ({ fleet, amount, reference, ...how }, terminal) => {
    const value = typedAmount(amount, await assetAt(how))
    return runVerb('ledger_fund', { fleet, amount: `${value}`, reference }, how, terminal)
  },
})
