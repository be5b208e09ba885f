/**
 * `tickpay channels close`
 * @module
 */
import { defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Closes a channel and shows its final account',
  details: [
    'No tick is accepted any more; what was accepted is settled. There is no way back: the meter',
    'gets a new channel with "tickpay device replace".',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'fleet of the device'),
    device: needed('DEVICE', 'device of the meter'),
    meter: needed('METER', 'meter whose channel ends'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay channels close --fleet acme --device ev-1 --meter main'],
  run: ({ fleet, device, meter, ...how }, terminal) =>
    runVerb('channel_close', { fleet, device, meter }, how, terminal),
})
