/**
 * What `tickpay pause` and `tickpay resume` share: whom they touch, and how they ask for it.
 * @module
 */
import { flag, jsonOption, text, type Values } from './command.ts'
import type { ExitCode } from './exitCodes.ts'
import { gatewayOptions } from './gatewayOptions.ts'
import type { Terminal } from './terminal.ts'
import { runVerb } from './verb.ts'

export const supplyOptions = {
  fleet: text('FLEET', 'fleet of the device or group'),
  device: text('DEVICE', 'one device of it'),
  group: text('GROUP', 'one group of it'),
  site: text('SITE', 'one site of it'),
  all: flag('all of the fleet or, without --fleet, of the gateway'),
  'dry-run': flag('only says how many devices and channels it would touch'),
  ...gatewayOptions,
  ...jsonOption,
} as const

export function supplyExamples(verb: 'pause' | 'resume'): readonly string[] {
  const targets = ['--fleet acme --device ev-1', '--fleet acme --group depot', '--all']
  return targets.map((target) => `tickpay ${verb} ${target}`)
}

export function runSupply(verb: 'pause' | 'resume') {
  return (
    values: Values<typeof supplyOptions, Record<never, never>>,
    terminal: Terminal,
  ): Promise<ExitCode> => {
    const { 'dry-run': dryRun, fleet, device, group, site, all, ...how } = values
    const target = { fleet, device, group, site, ...(all ? { all } : {}) }
    return runVerb(verb, { ...target, dry_run: dryRun }, how, terminal)
  }
}
