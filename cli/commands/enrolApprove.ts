/**
 * `tickpay enrol approve`
 * @module
 */
import { argument, defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Enrols the device that asked with a claim',
  details: [
    'It goes on by itself. Its mandates come from the service of the fleet ("tickpay fleet serve")',
    'or from "tickpay enrol device" with --signer.',
    '',
    worksOffline,
  ],
  arguments: { serial: argument('serial number of the device') },
  options: { fleet: needed('FLEET', 'its fleet'), ...gatewayOptions, ...jsonOption },
  examples: ['tickpay enrol approve sn-4711 --fleet acme'],
  run: async ({ serial, fleet, ...how }, terminal) =>
    runVerb('claim_approve', { fleet, serial }, how, terminal),
})
