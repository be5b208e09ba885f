/**
 * `tickpay keys new`
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { algorithms } from '../../protocol/keys.ts'
import { argument, defineCommand, jsonOption, needed, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { newKeyFiles } from '../io/keyFiles.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Makes a key file for a device, a gateway or a fleet',
  details: [
    'Writes FILE, encrypted under a passphrase, and FILE.pub with the public key. Never replaces a',
    'file. The passphrase is read from its file; a missing one is made, of 32 random bytes.',
  ],
  arguments: { file: argument('where the key file goes, for example ev-1.key') },
  options: {
    'passphrase-file': needed('FILE', 'the passphrase; made when it is not there'),
    algorithm: text('NAME', `${algorithms.join(', ')} (default: p256)`),
    ...jsonOption,
  },
  examples: ['tickpay keys new ev-1.key --passphrase-file ev-1.pass'],
  run: async (values, terminal) => {
    const { file, json, algorithm: name = 'p256', 'passphrase-file': passphraseFile } = values
    const algorithm = algorithms.find((one) => one === name)
    if (algorithm === undefined) {
      throw new UsageError(`unknown algorithm "${name}"; there are ${algorithms.join(', ')}`)
    }
    const made = await newKeyFiles(file, algorithm, passphraseFile)
    const publicKey = formatPublicKey(made.publicKey)
    if (made.isPassphraseNew) {
      terminal.error(`made a passphrase in ${passphraseFile}; without it the key is lost`)
    }
    terminal.out(json ? jsonText({ file, publicKey }) : publicKey)
    return exitCodes.ok
  },
})
