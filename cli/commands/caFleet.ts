/**
 * `tickpay ca fleet`
 * @module
 */
import { isId } from '../../protocol/ids.ts'
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
import { fleetName } from '../certificates/record.ts'
import { argument, defineCommand, jsonOption } from '../command.ts'
import { UsageError } from '../exitCodes.ts'

export const command = defineCommand({
  summary: 'Makes the certificate of a fleet, for its service and its people',
  details: [
    'The service of the fleet shows it, and so do tools with a static credential of that fleet.',
    'It is good for no device.',
  ],
  arguments: { fleet: argument('the fleet, for example acme') },
  options: { ...issuingOptions, ...signingOptions, ...jsonOption },
  examples: ['tickpay ca fleet acme --passphrase-file ca.pass'],
  run: async (values, terminal) => {
    const { fleet, days, out = '.', json, dir = USUAL_FOLDER } = values
    if (!isId(fleet)) throw new UsageError(`"${fleet}" is no name of a fleet`)
    const name = fleetName(fleet)
    const lifeDays = readDays(days, USUAL_DAYS)
    const issued = await withFolder(dir, values['passphrase-file'], (folder) =>
      issueNew(folder, { kind: 'fleet', name, hosts: [], lifeDays, out }, undefined),
    )
    return tellIssued([issued], json, terminal)
  },
})
