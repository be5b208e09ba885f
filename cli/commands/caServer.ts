/**
 * `tickpay ca server`
 * @module
 */
import { isIP } from 'node:net'
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
import { defineCommand, jsonOption, list, optionalArgument } from '../command.ts'
import { UsageError } from '../exitCodes.ts'

const hostName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}$/i
const fileName = /^[a-z0-9][a-z0-9.-]{0,60}$/i

export const command = defineCommand({
  summary: 'Makes the certificate of a gateway, with its key',
  details: [
    'Agents refuse a gateway whose certificate does not name the host they connect to: give every',
    'name and address that is written in their configurations.',
  ],
  arguments: { name: optionalArgument('what the files are called (default: server)') },
  options: {
    host: list('HOST', 'a name or an address of the gateway; may be repeated'),
    ...issuingOptions,
    ...signingOptions,
    ...jsonOption,
  },
  examples: ['tickpay ca server --host gateway.lan --host 10.0.0.2 --passphrase-file ca.pass'],
  run: async (values, terminal) => {
    const { name = 'server', host: hosts, days, out = '.', json, dir = USUAL_FOLDER } = values
    if (hosts.length === 0) throw new UsageError('where is it reached? give --host')
    const wrong = hosts.find((host) => isIP(host) === 0 && !hostName.test(host))
    if (wrong !== undefined) throw new UsageError(`"${wrong}" is no host name and no address`)
    if (!fileName.test(name)) throw new UsageError(`"${name}" is no name for a file`)
    const wanted = {
      kind: 'server',
      name,
      hosts,
      lifeDays: readDays(days, USUAL_DAYS),
      out,
    } as const
    const issued = await withFolder(dir, values['passphrase-file'], (folder) =>
      issueNew(folder, wanted, undefined),
    )
    return tellIssued([issued], json, terminal)
  },
})
