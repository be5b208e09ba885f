/**
 * `tickpay credential remove`
 * @module
 */
import { defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Takes a static credential back',
  details: [worksOffline],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'fleet of the credential'),
    name: needed('NAME', 'what it is called'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay credential remove --fleet acme --name dashboard'],
  run: ({ fleet, name, ...how }, terminal) =>
    runVerb('credential_remove', { fleet, name }, how, terminal),
})
