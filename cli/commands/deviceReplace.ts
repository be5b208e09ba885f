/**
 * `tickpay device replace`
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { defineCommand, jsonOption, needed, text } from '../command.ts'
import { UsageError } from '../exitCodes.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { readPublicKey } from '../io/keyFiles.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Gives a device a new key, or a meter of it a new channel',
  details: [
    'The old channel closes and settles under its own key; the new one begins at 0. It needs a',
    'mandate of its own: from the service of the fleet, or from "tickpay enrol device".',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'fleet of the device'),
    device: needed('DEVICE', 'the device'),
    key: text('KEY', 'its new public key: a key file, FILE.pub or p256:HEX'),
    meter: text('METER', 'only this meter was changed'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay device replace --fleet acme --device ev-1 --meter main'],
  run: async ({ fleet, device, key, meter, ...how }, terminal) => {
    if (key === undefined && meter === undefined) {
      throw new UsageError('what was replaced? give --key or --meter')
    }
    const publicKey = key === undefined ? undefined : formatPublicKey(await readPublicKey(key))
    return runVerb('device_replace', { fleet, device, publicKey, meter }, how, terminal)
  },
})
