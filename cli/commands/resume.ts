/**
 * `tickpay resume`
 * @module
 */
import { defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lets a paused device consume again',
  details: [worksOffline],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'fleet of the device'),
    device: needed('DEVICE', 'the device'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay resume --fleet acme --device ev-1'],
  run: ({ fleet, device, ...how }, terminal) => runVerb('resume', { fleet, device }, how, terminal),
})
