/**
 * `tickpay settle`
 * @module
 */
import { defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Settles now what is owed, without waiting for the period',
  details: [worksOffline],
  arguments: {},
  options: {
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay settle --config gateway.yaml'],
  run: (how, terminal) => runVerb('settle', {}, how, terminal),
})
