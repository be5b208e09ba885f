/**
 * `tickpay backup`
 * @module
 */
import { resolve } from 'node:path'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { makeBackup } from '../io/backUp.ts'
import { jsonText } from '../jsonLine.ts'

export const command = defineCommand({
  summary: 'Writes a backup of the store and its ledger, and reads it back',
  details: [
    'One file with everything that "tickpay restore" needs, except the configuration and the key',
    'file of the gateway. It is encrypted with storeKey when the store is, or with the key given.',
    'A backup that does not read back to its last byte is removed and reported.',
    '',
    worksOffline,
  ],
  arguments: { target: argument('new file, or an existing folder for a file named by the time') },
  options: {
    'key-file': text('FILE', 'another key for this backup: 32 bytes, as they are, hex or base64'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: ['tickpay backup /mnt/backups --config gateway.yaml'],
  run: async ({ target, json, 'key-file': key, ...place }, terminal) => {
    const keyFile = key === undefined ? undefined : resolve(key)
    const result = await withGateway(place, terminal, (calls) =>
      makeBackup(calls, { target: resolve(target), keyFile }),
    )
    const { file, position, files, bytes, encrypted } = result
    const how = encrypted ? 'encrypted' : 'not encrypted'
    terminal.out(
      json
        ? jsonText(result)
        : `${file}: ${files} files, ${bytes} bytes, up to position ${position}, ${how}, read back`,
    )
    return exitCodes.ok
  },
})
