/**
 * `tickpay pause`
 * @module
 */
import { defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Turns the supply of a device off until it is resumed',
  details: [
    'What the device has consumed until then is still accepted and settled.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'fleet of the device'),
    device: needed('DEVICE', 'the device'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay pause --fleet acme --device ev-1'],
  run: ({ fleet, device, ...how }, terminal) => runVerb('pause', { fleet, device }, how, terminal),
})
