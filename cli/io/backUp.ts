/**
 * Has the gateway make a backup and waits until it is done.
 * @module
 */
import { setTimeout as wait } from 'node:timers/promises'
import * as v from 'valibot'
import { readAnswer } from '../answers.ts'
import { RefusedError } from '../exitCodes.ts'
import type { Calls } from './controlClient.ts'

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

/** @throws RefusedError with the gateway's reason */
export async function makeBackup(
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
