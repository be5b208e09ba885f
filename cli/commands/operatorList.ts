/**
 * `tickpay operator list`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lists the operators and when each was last signed in',
  details: [worksOffline],
  arguments: {},
  options: {
    fleet: text('FLEET', 'only of this fleet'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay operator list'],
  run: ({ fleet, ...how }, terminal) => runVerb('operator_list', { fleet }, how, terminal),
})
