/**
 * The verbs about the store itself, beside those of the gateway's logic: backups, and what holds
 * for a store that was restored.
 * @module
 */
import * as v from 'valibot'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { integerValue, textValue } from '../../ports/configTypes.ts'
import type { Disk, Ports } from '../../ports/index.ts'
import { readStoreKey } from '../../ports/io/storeKey.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { VerbCall } from '../control/verb.ts'
import type { Journal } from '../store/journal.ts'
import { addPurge } from '../store/purges.ts'
import type { Seal } from '../store/record.ts'
import type { Restored } from '../store/restored.ts'
import { readRestored, writeRestored } from '../store/restored.ts'
import { createSegmentTimes } from '../store/retention.ts'
import { oldestSnapshot } from '../store/snapshot.ts'
import type { BackupResult, BackupSource } from './backup.ts'
import { writeBackup } from './backup.ts'

/** Where money leaves the ledger for good. */
const PAYING_VERBS = ['ledger_complete_withdrawal']

const backupArguments = v.strictObject({ target: textValue, keyFile: v.optional(textValue) })

const purgeArguments = v.strictObject({ beforeSeconds: integerValue(0, Number.MAX_SAFE_INTEGER) })

export type StoreVerbsOptions = {
  readonly journal: Pick<Journal, 'dropBefore' | 'droppedHeads'>
  readonly seal: Seal | undefined
  readonly source: BackupSource
  readonly disk: Disk
  readonly storeKey: Uint8Array | undefined
  readonly ports: Ports
}

type Backup = { state: 'running' | 'done' | 'failed'; result?: BackupResult; error?: string }

export type StoreVerbs = {
  /** The verbs of the gateway and those of its store. */
  readonly call: VerbCall
  /** Resolves when no backup is being made any more. */
  readonly settled: () => Promise<void>
  /** True after a restore until the operator has confirmed the payments made since the backup. */
  readonly isUnconfirmed: () => boolean
}

/** `call` with the verbs of the store added. */
export async function withStoreVerbs(
  call: VerbCall,
  options: StoreVerbsOptions,
): Promise<StoreVerbs> {
  let restored = await readRestored(options.disk)
  const backups = createBackups(options)
  const extended: VerbCall = async (verb, args) => {
    switch (verb) {
      case 'backup':
        return backups.start(args)
      case 'backup_status':
        return backups.status()
      case 'store_purge':
        return purge(options, args)
      case 'ledger_confirm':
        restored = await confirm(options, restored)
        return restored
      case 'status':
        return { ...((await call(verb, args)) as object), restored: restored ?? null }
      default:
        if (PAYING_VERBS.includes(verb)) requireConfirmed(restored)
        return call(verb, args)
    }
  }
  const isUnconfirmed = () => restored !== undefined && restored.confirmedAtSeconds === null
  return { call: extended, settled: backups.settled, isUnconfirmed }
}

function requireConfirmed(restored: Restored | undefined): void {
  if (!restored || restored.confirmedAtSeconds !== null) return
  const time = new Date(restored.backupAtSeconds * 1_000).toISOString()
  throw new OperatorError(
    `the store was restored from a backup of ${time}, and its ledger may not know of payments ` +
      'made since: see what has left your account, then run "tickpay ledger confirm"',
  )
}

/**
 * Drops the segments in which everything is older, as far as a restart does not need them: it must
 * be possible from either of the snapshots.
 */
async function purge(options: StoreVerbsOptions, args: unknown) {
  const parsed = v.safeParse(purgeArguments, args ?? {})
  if (!parsed.success) throw new OperatorError('store_purge: name a time in seconds since 1970')
  const { disk, journal, seal, ports, source } = options
  return source.withSnapshot(async () => {
    const times = createSegmentTimes(disk, seal, fastSha256)
    const aged = await times.keptFrom(parsed.output.beforeSeconds)
    const needed = await oldestSnapshot(disk)
    const before = journal.droppedHeads().length
    await journal.dropBefore(aged < needed ? aged : needed)
    const dropped = journal.droppedHeads().slice(before)
    const head = dropped.at(-1)
    const atSeconds = Math.floor(ports.clock.nowMs() / 1_000)
    if (head) await addPurge(disk, { atSeconds, head }, fastSha256)
    const last = journal.droppedHeads().at(-1)
    return {
      segments: dropped.length,
      purgedTo: Number(last?.position ?? 0n),
      hash: last ? bytesToHex(last.hash) : null,
      /** Older records are needed by a restart until further snapshots were written. */
      heldBack: aged > needed,
    }
  })
}

async function confirm(
  { disk, ports }: StoreVerbsOptions,
  restored: Restored | undefined,
): Promise<Restored> {
  if (!restored) throw new OperatorError('this store was not restored: there is nothing to confirm')
  if (restored.confirmedAtSeconds !== null) return restored
  const confirmedAtSeconds = Math.floor(ports.clock.nowMs() / 1_000)
  const confirmed = { ...restored, confirmedAtSeconds }
  await writeRestored(disk, confirmed)
  return confirmed
}

/** One at a time; a caller asks how it is going, because it may take longer than an answer may. */
function createBackups({ source, storeKey }: StoreVerbsOptions) {
  let current: Backup | undefined
  let running: Promise<void> = Promise.resolve()
  const run = async (target: string, keyFile: string | undefined, backup: Backup) => {
    try {
      const key = keyFile === undefined ? storeKey : (await readStoreKey({ file: keyFile }, {})).key
      backup.result = await writeBackup(source, target, key)
      backup.state = 'done'
    } catch (error) {
      backup.error = error instanceof OperatorError ? error.message : String(error)
      backup.state = 'failed'
    }
  }
  return {
    settled: () => running,
    start: (args: unknown) => {
      const parsed = v.safeParse(backupArguments, args ?? {})
      if (!parsed.success) throw new OperatorError('backup: name a target')
      if (current?.state === 'running') {
        throw new OperatorError('a backup is being made: wait until it is done')
      }
      current = { state: 'running' }
      running = run(parsed.output.target, parsed.output.keyFile, current)
      return current
    },
    status: () => {
      if (!current) throw new OperatorError('no backup was made since the start')
      return current
    },
  }
}
