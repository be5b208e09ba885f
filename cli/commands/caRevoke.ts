/**
 * `tickpay ca revoke`
 * @module
 */
import { join } from 'node:path'
import { OperatorError } from '../../ports/operatorError.ts'
import { REVOKED_FILE, withFolder } from '../certificates/folder.ts'
import { signingOptions, USUAL_FOLDER } from '../certificates/options.ts'
import { currentOf, withRevoked } from '../certificates/record.ts'
import { argument, defineCommand } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'

export const command = defineCommand({
  summary: 'Takes back all certificates of a name',
  details: [
    'Writes revoked.pem again. A gateway that has it as the revocationList of a listener reads it',
    'within two seconds and cuts the connection off. What the device still owes, and its mandate,',
    'are the business of "tickpay device revoke".',
  ],
  arguments: { name: argument('as "tickpay ca list" shows it, for example acme/ev-1') },
  options: { ...signingOptions },
  examples: ['tickpay ca revoke acme/ev-1 --passphrase-file ca.pass'],
  run: async ({ name, dir = USUAL_FOLDER, 'passphrase-file': file }, terminal) => {
    await withFolder(dir, file, async (folder) => {
      if (!currentOf(folder.record(), name)) {
        throw new OperatorError(`${name} has no certificate; "tickpay ca list --all" shows all`)
      }
      await folder.save(withRevoked(folder.record(), name, Math.floor(Date.now() / 1_000)))
    })
    terminal.out(`${name} is revoked; for gateways: ${join(dir, REVOKED_FILE)}`)
    return exitCodes.ok
  },
})
