/**
 * `tickpay credential list`
 * @module
 */
import { defineCommand, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lists the static credentials and when each was last used',
  details: [worksOffline],
  arguments: {},
  options: {
    fleet: text('FLEET', 'only of this fleet'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay credential list'],
  run: ({ fleet, ...how }, terminal) => runVerb('credential_list', { fleet }, how, terminal),
})
