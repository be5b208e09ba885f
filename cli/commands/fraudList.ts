/**
 * `tickpay fraud list`
 * @module
 */
import { defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { runRunning } from '../verb.ts'

export const command = defineCommand({
  summary: 'Shows what the watch of a running gateway found, whom it holds back, and its rules',
  details: ['docs/fraud.md explains the rules; "fraud" of the configuration sets them.'],
  arguments: {},
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay fraud list', 'tickpay fraud list --json'],
  run: (how, terminal) => runRunning('fraud', {}, how, terminal),
})
