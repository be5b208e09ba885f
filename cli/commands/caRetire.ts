/**
 * `tickpay ca retire`
 * @module
 */
import { join } from 'node:path'
import { OperatorError } from '../../ports/operatorError.ts'
import { AUTHORITIES_FILE, removeAuthorityKey, withFolder } from '../certificates/folder.ts'
import { signingOptions, USUAL_FOLDER } from '../certificates/options.ts'
import { namesOnly } from '../certificates/record.ts'
import { argument, defineCommand, flag } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'

const namesShownMax = 5

export const command = defineCommand({
  summary: 'Ends the trust in an authority that was replaced, and removes its key',
  details: [
    'Refused while a name has no newer certificate, unless --force says that those may be cut off.',
    'A gateway that reads the new authorities.pem makes all connections show their certificate',
    'again.',
  ],
  arguments: { number: argument('number of the authority in "tickpay ca list"') },
  options: { force: flag('even if names lose their certificate by it'), ...signingOptions },
  examples: ['tickpay ca retire 1 --passphrase-file ca.pass'],
  run: async ({ number: named, force, dir = USUAL_FOLDER, ...rest }, terminal) => {
    const number = Number(named)
    await withFolder(dir, rest['passphrase-file'], async (folder) => {
      const record = folder.record()
      const trusted = record.authorities.filter(({ retired }) => !retired)
      if (!trusted.some((one) => one.number === number)) {
        throw new UsageError(`there is no authority ${named} in force`)
      }
      if (trusted.length === 1) {
        throw new OperatorError('it is the only authority: "tickpay ca rotate" first')
      }
      const losing = namesOnly(record, number, Math.floor(Date.now() / 1_000))
      if (losing.length > 0 && !force) {
        const some = losing.slice(0, namesShownMax).join(', ')
        throw new OperatorError(
          `${losing.length} have no newer certificate (${some}): "tickpay ca renew", or --force`,
        )
      }
      const authorities = record.authorities.map((one) =>
        one.number === number ? { ...one, retired: true } : one,
      )
      await folder.save({ ...record, authorities })
      await removeAuthorityKey(folder, number)
    })
    terminal.out(`for gateways and agents, without it: ${join(dir, AUTHORITIES_FILE)}`)
    return exitCodes.ok
  },
})
