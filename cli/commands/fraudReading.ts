/**
 * `tickpay fraud reading`
 * @module
 */
import { argument, defineCommand, jsonOption } from '../command.ts'
import { deviceNamed } from '../deviceName.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { runRunning } from '../verb.ts'

export const command = defineCommand({
  summary:
    "Tells a gateway the register of the provider's own meter, which is held against payment",
  details: [
    'For a meter that is listed under "fraud.providerMeters" of the configuration. Once in 10 s is',
    'as often as the gateway looks; a reading that comes late finds late.',
  ],
  arguments: {
    device: argument('the device as FLEET/DEVICE, for example acme/ev-1'),
    meter: argument('the meter of the device that is on the same line'),
    register: argument("the provider's register in units of that meter, such as Wh"),
  },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay fraud reading acme/ev-1 main 184230'],
  run: ({ device, meter, register, ...how }, terminal) =>
    runRunning('provider_reading', { ...deviceNamed(device), meter, register }, how, terminal),
})
