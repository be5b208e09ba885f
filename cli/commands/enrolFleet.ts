/**
 * `tickpay enrol fleet`
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { defineCommand, jsonOption, needed, text } from '../command.ts'
import { gatewayOptions, worksOffline } from '../gatewayOptions.ts'
import { readPublicKey } from '../io/keyFiles.ts'
import { runVerb } from '../verb.ts'

export const command = defineCommand({
  summary: 'Makes a fleet known to a gateway',
  details: [
    'The signer key signs mandates; it is on line where the fleet is managed. The owner key moves',
    'deposits and can stay off line.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'its name'),
    signer: needed('KEY', 'public key of its signer: a key file, FILE.pub or p256:HEX'),
    owner: text('KEY', 'public key of its owner'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay enrol fleet --fleet acme --signer acme.key.pub'],
  run: async ({ fleet, signer, owner, ...how }, terminal) => {
    const signerKey = formatPublicKey(await readPublicKey(signer))
    const ownerKey = owner === undefined ? undefined : formatPublicKey(await readPublicKey(owner))
    return runVerb('enrol_fleet', { fleet, signerKey, ownerKey }, how, terminal)
  },
})
