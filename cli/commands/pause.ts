/**
 * `tickpay pause`
 * @module
 */
import { defineCommand, flag, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Turns the supply of a device, a group, a fleet or all off',
  details: [
    'What the device has consumed until then is still accepted and settled.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: text('FLEET', 'fleet of the device or group'),
    device: text('DEVICE', 'one device of it'),
    group: text('GROUP', 'one group of it'),
    site: text('SITE', 'one site of it'),
    all: flag('all of the fleet or, without --fleet, of the gateway'),
    'dry-run': flag('only says how many devices and channels it would touch'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: [
    'tickpay pause --fleet acme --device ev-1',
    'tickpay pause --fleet acme --group depot',
    'tickpay pause --all',
  ],
  run: ({ 'dry-run': dryRun, fleet, device, group, site, all, ...how }, terminal) => {
    const target = { fleet, device, group, site, ...(all ? { all } : {}) }
    return runVerb('pause', { ...target, dry_run: dryRun }, how, terminal)
  },
})
