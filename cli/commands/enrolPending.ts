/**
 * `tickpay enrol pending`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lists claims: who may ask to be enrolled, who has asked, what was decided',
  details: [
    'Compare the key with what "tickpay keys show" says on the device before you approve it.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: { fleet: text('FLEET', 'only this fleet'), ...gatewayOptions, ...jsonOption },
  examples: ['tickpay enrol pending --fleet acme'],
  run: async ({ fleet, ...how }, terminal) => runVerb('claim_list', { fleet }, how, terminal),
})
