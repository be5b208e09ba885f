/**
 * `tickpay ledger confirm`
 * @module
 */
import { defineCommand, jsonOption } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Confirms, after a restore, that payments made since the backup are known',
  details: [
    'A ledger that was restored does not know what was paid out after the backup. Until this is',
    'run it pays nothing out, so that nothing leaves twice: see what has left your account, pay',
    'back or note what is missing, then confirm.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: { ...gatewayOptions, ...jsonOption },
  examples: ['tickpay ledger confirm --config gateway.yaml'],
  run: (how, terminal) => runVerb('ledger_confirm', {}, how, terminal),
})
