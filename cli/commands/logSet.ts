/**
 * `tickpay log set`
 * @module
 */
import { argument, defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { runRunning } from '../verb.ts'

export const command = defineCommand({
  summary: 'Changes how much a running gateway logs about an area',
  details: [
    'Until it is restarted; "log" of its configuration is what it starts with. "tickpay log list"',
    'shows the areas. Lines have a level, an area and a message, as JSON on standard error.',
  ],
  arguments: {
    area: argument('an area, or all'),
    level: argument('debug, info, warn or error'),
  },
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay log set broker debug', 'tickpay log set all info --config gateway.yaml'],
  run: ({ area, level, ...how }, terminal) => runRunning('log_set', { area, level }, how, terminal),
})
