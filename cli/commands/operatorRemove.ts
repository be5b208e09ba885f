/**
 * `tickpay operator remove`
 * @module
 */
import { argument, defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Takes the login of an operator back, and ends his sessions',
  details: [worksOffline],
  arguments: { name: argument('what the operator is called') },
  options: {
    fleet: needed('FLEET', 'the fleet that was looked after'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay operator remove ann --fleet acme'],
  run: ({ name, fleet, ...how }, terminal) =>
    runVerb('operator_remove', { fleet, name }, how, terminal),
})
