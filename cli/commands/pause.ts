/**
 * `tickpay pause`
 * @module
 */
import { defineCommand } from '../command.ts'
import { worksOffline } from '../gatewayOptions.ts'
import { runSupply, supplyExamples, supplyOptions } from '../supplyVerb.ts'

export const command = defineCommand({
  summary: 'Turns the supply of a device, a group, a fleet or all off',
  details: [
    'What the device has consumed until then is still accepted and settled.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: supplyOptions,
  examples: supplyExamples('pause'),
  run: runSupply('pause'),
})
