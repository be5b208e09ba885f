/**
 * `tickpay enrol refuse`
 * @module
 */
import { argument, defineCommand, jsonOption, needed } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Refuses the device that asked, or takes an unused claim back',
  details: ['It cannot ask again with this claim; a new one lets it.', '', worksOffline],
  arguments: { serial: argument('serial number of the device') },
  options: { fleet: needed('FLEET', 'its fleet'), ...gatewayOptions, ...jsonOption },
  examples: ['tickpay enrol refuse sn-4711 --fleet acme'],
  run: async ({ serial, fleet, ...how }, terminal) =>
    runVerb('claim_refuse', { fleet, serial }, how, terminal),
})
