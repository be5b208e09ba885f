/**
 * `tickpay fraud hold`
 * @module
 */
import { argument, defineCommand, jsonOption } from '../command.ts'
import { deviceNamed } from '../deviceName.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { runRunning } from '../verb.ts'

export const command = defineCommand({
  summary: 'Holds a device back beside what its fleet ordered; what it pays is still accepted',
  details: [
    'throttle and limit leave it so much a minute or a day as the configuration says, stop and',
    'quarantine leave it no supply. A quarantine stays until it is released; the others end by',
    'themselves after "fraud.holdSeconds" in which nothing is found.',
  ],
  arguments: {
    device: argument('the device as FLEET/DEVICE, for example acme/ev-1'),
    action: argument('throttle, limit, stop or quarantine'),
  },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay fraud hold acme/ev-1 quarantine'],
  run: ({ device, action, ...how }, terminal) =>
    runRunning('fraud_hold', { ...deviceNamed(device), action }, how, terminal),
})
