/**
 * `tickpay device revoke`
 * @module
 */
import { parseDeviceName } from '../certificates/record.ts'
import { argument, defineCommand, jsonOption } from '../command.ts'
import { UsageError } from '../exitCodes.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Ends a device for good: its key and its mandates count no more',
  details: [
    'For one that was stolen, cloned or sold. It is cut off at once and its channels are closed:',
    'what the gateway has accepted is settled, and nothing else is. The key is never taken again,',
    'for any device; "tickpay enrol device" with a new key brings the device back. Its certificate',
    'is the business of "tickpay ca revoke".',
    '',
    worksOffline,
  ],
  arguments: { device: argument('the device as FLEET/DEVICE, for example acme/ev-1') },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay device revoke acme/ev-1'],
  run: ({ device: named, ...how }, terminal) => {
    const [fleet, device] = parseDeviceName(named)?.split('/') ?? []
    if (device === undefined) throw new UsageError(`"${named}" is no device: write FLEET/DEVICE`)
    return runVerb('device_revoke', { fleet, device }, how, terminal)
  },
})
