/**
 * `tickpay keys show`
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { openKey, readPublicKey } from '../io/keyFiles.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Shows the public key of a key file',
  details: ['With its passphrase the whole file is opened, which proves that it is sound.'],
  arguments: { file: argument('a key file, or a file with a public key') },
  options: {
    'passphrase-file': text('FILE', 'the passphrase of the key file'),
    ...jsonOption,
  },
  examples: ['tickpay keys show ev-1.key'],
  run: async ({ file, 'passphrase-file': passphraseFile, json }, terminal) => {
    const key =
      passphraseFile === undefined
        ? await readPublicKey(file)
        : (await openKey({ file, passphraseFile }, terminal.error)).publicKey
    const publicKey = formatPublicKey(key)
    terminal.out(json ? jsonText({ file, publicKey }) : publicKey)
    return exitCodes.ok
  },
})
