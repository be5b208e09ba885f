/**
 * `tickpay resume`
 * @module
 */
import { defineCommand } from '../command.ts'
import { worksOffline } from '../gatewayOptions.ts'
import { runSupply, supplyExamples, supplyOptions } from '../supplyVerb.ts'

export const command = defineCommand({
  summary: 'Lets what was paused consume again',
  details: [worksOffline],
  arguments: {},
  options: supplyOptions,
  examples: supplyExamples('resume'),
  run: runSupply('resume'),
})
