/**
 * `tickpay log list`
 * @module
 */
import { defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { runRunning } from '../verb.ts'

export const command = defineCommand({
  summary: 'Lists the areas of the log of a running gateway and their levels',
  arguments: {},
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay log list --config gateway.yaml'],
  run: (how, terminal) => runRunning('log', {}, how, terminal),
})
