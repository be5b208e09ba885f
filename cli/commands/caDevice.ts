/**
 * `tickpay ca device`
 * @module
 */
import { withFolder } from '../certificates/folder.ts'
import { issueNew } from '../certificates/issue.ts'
import {
  issuingOptions,
  readDays,
  signingOptions,
  tellIssued,
  USUAL_DAYS,
  USUAL_FOLDER,
} from '../certificates/options.ts'
import { parseDeviceName } from '../certificates/record.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { UsageError } from '../exitCodes.ts'
import { readPublicKey } from '../io/keyFiles.ts'

export const command = defineCommand({
  summary: 'Makes the certificate of a device',
  details: [
    'It names the device, and the gateway lets it in under no other name. A P-256 key is made for',
    'it; with --key the certificate is for the key that the device has already, so that no private',
    'key travels, and its agent is configured with the certificate alone.',
  ],
  arguments: { device: argument('the device as FLEET/DEVICE, for example acme/ev-1') },
  options: {
    key: text('KEY', 'public key of the device: a key file, FILE.pub or p256:HEX'),
    ...issuingOptions,
    ...signingOptions,
    ...jsonOption,
  },
  examples: ['tickpay ca device acme/ev-1 --passphrase-file ca.pass'],
  run: async (values, terminal) => {
    const { device, key, days, out = '.', json, dir = USUAL_FOLDER } = values
    const name = parseDeviceName(device)
    if (name === undefined) throw new UsageError(`"${device}" is no device: write FLEET/DEVICE`)
    const lifeDays = readDays(days, USUAL_DAYS)
    const publicKey = key === undefined ? undefined : await readPublicKey(key)
    const issued = await withFolder(dir, values['passphrase-file'], (folder) =>
      issueNew(folder, { kind: 'device', name, hosts: [], lifeDays, out }, publicKey),
    )
    return tellIssued([issued], json, terminal)
  },
})
