/**
 * `tickpay ca renew`
 * @module
 */
import { withFolder } from '../certificates/folder.ts'
import type { Issued } from '../certificates/issue.ts'
import { issueAgain } from '../certificates/issue.ts'
import { readDays, signingOptions, tellIssued, USUAL_FOLDER } from '../certificates/options.ts'
import { dueNames, RENEW_DAYS } from '../certificates/record.ts'
import { defineCommand, jsonOption, optionalArgument, text } from '../command.ts'

export const command = defineCommand({
  summary: 'Makes the next certificate for the same key',
  details: [
    `Without a name: for all that end within ${RENEW_DAYS} days or were signed by an older`,
    'authority. The new file takes the place of the old one; gateways and agents read it again',
    'by themselves. The old certificate stays valid until it ends.',
  ],
  arguments: { name: optionalArgument('as "tickpay ca list" shows it, for example acme/ev-1') },
  options: {
    days: text('NUMBER', 'how long it is valid (default: as long as the last one)'),
    out: text('FOLDER', 'where the file goes (default: where the last one went)'),
    ...signingOptions,
    ...jsonOption,
  },
  examples: [
    'tickpay ca renew acme/ev-1 --passphrase-file ca.pass',
    'tickpay ca renew --passphrase-file ca.pass',
  ],
  run: async (values, terminal) => {
    const { name, days, out, json, dir = USUAL_FOLDER } = values
    const change = { lifeDays: days === undefined ? undefined : readDays(days, 0), out }
    const issued = await withFolder(dir, values['passphrase-file'], async (folder) => {
      const due = dueNames(folder.record(), Math.floor(Date.now() / 1_000))
      const all: Issued[] = []
      for (const one of name === undefined ? due : [name]) {
        all.push(await issueAgain(folder, one, change))
      }
      return all
    })
    if (issued.length === 0) terminal.error('nothing has to be renewed')
    return tellIssued(issued, json, terminal)
  },
})
