/**
 * `tickpay resume`
 * @module
 */
import { defineCommand, flag, jsonOption, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lets what was paused consume again',
  details: [worksOffline],
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
    'tickpay resume --fleet acme --device ev-1',
    'tickpay resume --fleet acme --group depot',
    'tickpay resume --all',
  ],
  run: ({ 'dry-run': dryRun, fleet, device, group, site, all, ...how }, terminal) => {
    const target = { fleet, device, group, site, ...(all ? { all } : {}) }
    return runVerb('resume', { ...target, dry_run: dryRun }, how, terminal)
  },
})
