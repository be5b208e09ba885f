/**
 * `tickpay fraud release`
 * @module
 */
import { argument, defineCommand, jsonOption } from '../command.ts'
import { deviceNamed } from '../deviceName.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { runRunning } from '../verb.ts'

export const command = defineCommand({
  summary: 'Releases a device that the watch holds back; what its fleet ordered stays',
  details: ['Also from a quarantine. The rules go on watching.'],
  arguments: { device: argument('the device as FLEET/DEVICE, for example acme/ev-1') },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay fraud release acme/ev-1'],
  run: ({ device, ...how }, terminal) =>
    runRunning('fraud_release', deviceNamed(device), how, terminal),
})
