/**
 * `tickpay ca rotate`
 * @module
 */
import { join } from 'node:path'
import { readPassphrase } from '../../ports/io/keyFile.ts'
import { AUTHORITIES_FILE, addAuthority, withFolder } from '../certificates/folder.ts'
import { readDays, signingOptions, USUAL_FOLDER } from '../certificates/options.ts'
import { DAY_SECONDS, signingAuthority } from '../certificates/record.ts'
import { defineCommand, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { AUTHORITY_DAYS } from './caCreate.ts'

export const command = defineCommand({
  summary: 'Begins to replace the authority: both are trusted for a while',
  details: [
    'Then: give authorities.pem to all gateways and agents, "tickpay ca renew", give the new',
    'certificates out, and "tickpay ca retire" when everybody has theirs. Nobody is cut off on the',
    'way.',
  ],
  arguments: {},
  options: {
    ...signingOptions,
    days: text('NUMBER', `how long the new one is valid (default: ${AUTHORITY_DAYS})`),
  },
  examples: ['tickpay ca rotate --passphrase-file ca.pass'],
  run: async ({ days, dir = USUAL_FOLDER, 'passphrase-file': file }, terminal) => {
    const lifeDays = readDays(days, AUTHORITY_DAYS)
    const passphrase = await readPassphrase({ file }, process.env)
    const notAfterSeconds = Math.floor(Date.now() / 1_000) + lifeDays * DAY_SECONDS
    await withFolder(dir, file, async (folder) => {
      const { authorities } = folder.record()
      const last = signingAuthority(folder.record())?.commonName ?? 'tickpay'
      const name = `${last.replace(/ \d+$/, '')} ${authorities.length + 1}`
      await addAuthority(folder, passphrase, name, notAfterSeconds)
    })
    terminal.out(`for gateways and agents, with both: ${join(dir, AUTHORITIES_FILE)}`)
    return exitCodes.ok
  },
})
