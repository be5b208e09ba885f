/**
 * The folder of a store, before anything in it is opened: may this user use it, is there space, is
 * nobody else there.
 * @module
 */
import { statfs } from 'node:fs/promises'
import type { Disk } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { LmdbStore } from '../store/io/lmdb.ts'
import { openLmdb } from '../store/io/lmdb.ts'
import type { StoreLock } from '../store/io/lock.ts'
import { lockStore } from '../store/io/lock.ts'
import { checkDatabaseFile } from './databaseFile.ts'

/**
 * The databases map their files into memory, where a page that the disk cannot give ends the
 * process without a word. This is more than an empty store needs to start.
 */
const SPACE_BYTES_MIN = 4 * 1024 * 1024

export type StoreFolder = { readonly disk: Disk; readonly lock: StoreLock }

/**
 * Creates the folder where needed and locks it for this process.
 * @throws OperatorError naming the folder and what to do
 */
export async function openStoreFolder(path: string): Promise<StoreFolder> {
  const disk = await nodeDisk(path)
  await requireSpace(path)
  const lock = await lockStore(path).catch((error: unknown) => {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(
      `cannot lock the store ${path} (${codeOf(error)}): give this user read and write access`,
      { cause: error },
    )
  })
  return { disk, lock }
}

async function requireSpace(path: string): Promise<void> {
  const { bavail, bsize } = await statfs(path)
  const free = bavail * bsize
  if (free >= SPACE_BYTES_MIN) return
  throw new OperatorError(
    `the disk of the store ${path} is full (${Math.floor(free / 1024)} KiB free, ` +
      `${SPACE_BYTES_MIN / 1024} KiB are needed to start): free some space, then start again`,
  )
}

/**
 * A database of the store. Once a write has failed, what is in memory is not what is on the disk:
 * `onFatal` must end the process, and the next start recovers.
 */
export function openDatabase(path: string, onFatal: (error: unknown) => void): LmdbStore {
  checkDatabaseFile(path)
  const database = openLmdb(path)
  return {
    ...database,
    write: async (entries) => {
      try {
        await database.write(entries)
      } catch (error) {
        onFatal(error)
        throw error
      }
    },
  }
}

/** The same error, saying in which folder: the parts of a store know only paths within it. */
export function inStore(path: string, error: unknown): unknown {
  if (!(error instanceof OperatorError) || error.message.includes(path)) return error
  return new OperatorError(`store ${path}: ${error.message}`, { cause: error })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
