/**
 * `tickpay backup`
 * @module
 */
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import * as v from 'valibot'
import { readAnswer } from '../answers.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes, RefusedError } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import type { Calls } from '../io/gatewayCalls.ts'
import { jsonText } from '../jsonLine.ts'

const POLL_MS = 200

const resultAnswer = v.object({
  file: v.string(),
  position: v.number(),
  head: v.string(),
  files: v.number(),
  bytes: v.number(),
  encrypted: v.boolean(),
})

const backupAnswer = v.object({
  state: v.picklist(['running', 'done', 'failed']),
  result: v.optional(resultAnswer),
  error: v.optional(v.string()),
})

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
      backUp(calls, { target: resolve(target), keyFile }),
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

async function backUp(
  { call }: Calls,
  args: { readonly target: string; readonly keyFile: string | undefined },
) {
  let answer = readAnswer(backupAnswer, await call('backup', args))
  while (answer.state === 'running') {
    await wait(POLL_MS)
    answer = readAnswer(backupAnswer, await call('backup_status', {}))
  }
  if (answer.result) return answer.result
  throw new RefusedError(answer.error ?? 'the backup failed without a reason')
}
