/**
 * `tickpay ca create`
 * @module
 */
import { join } from 'node:path'
import { readPassphrase } from '../../ports/io/keyFile.ts'
import {
  AUTHORITIES_FILE,
  addAuthority,
  REVOKED_FILE,
  withNewFolder,
} from '../certificates/folder.ts'
import { readDays, signingOptions, USUAL_FOLDER } from '../certificates/options.ts'
import { DAY_SECONDS } from '../certificates/record.ts'
import { defineCommand, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { makePassphrase } from '../io/keyFiles.ts'

/** Authorities are replaced with an overlap, and seldom. */
export const AUTHORITY_DAYS = 3_650

export const command = defineCommand({
  summary: 'Makes an authority that signs certificates for a gateway and its devices',
  details: [
    'Whoever has its key can pose as the gateway or a device: keep the folder on a machine of its',
    'own, with a copy. Gateways and agents get authorities.pem, gateways also revoked.pem.',
    'The passphrase is read from its file; a missing one is made, of 32 random bytes.',
  ],
  arguments: {},
  options: {
    ...signingOptions,
    name: text('NAME', 'what the authority calls itself (default: tickpay)'),
    days: text('NUMBER', `how long it is valid (default: ${AUTHORITY_DAYS})`),
  },
  examples: ['tickpay ca create --passphrase-file ca.pass'],
  run: async (values, terminal) => {
    const { dir = USUAL_FOLDER, days, name = 'tickpay', 'passphrase-file': file } = values
    const lifeDays = readDays(days, AUTHORITY_DAYS)
    const isNew = await makePassphrase(file)
    if (isNew) terminal.error(`made a passphrase in ${file}; without it the authority is lost`)
    const passphrase = await readPassphrase({ file }, process.env)
    const notAfterSeconds = Math.floor(Date.now() / 1_000) + lifeDays * DAY_SECONDS
    await withNewFolder(dir, file, (folder) =>
      addAuthority(folder, passphrase, `${name} 1`, notAfterSeconds),
    )
    terminal.out(`for gateways and agents: ${join(dir, AUTHORITIES_FILE)}`)
    terminal.out(`for gateways: ${join(dir, REVOKED_FILE)}`)
    return exitCodes.ok
  },
})
