/**
 * A look at an LMDB file before it is opened: what is no such file would end the process with a
 * segmentation fault instead of a line.
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../../ports/operatorError.ts'

/** LMDB's file format: two pages of meta data; after the page header magic and version. */
const MAGIC_OFFSET = 24
const MAGIC = 0xbeefc0de
const VERSION_OFFSET = 28
const VERSION = 2
const BYTES_MIN = 2 * 4096

/**
 * Does nothing when there is no database in `folder` yet.
 * @throws OperatorError when its file is damaged or of a newer version
 */
export function checkDatabaseFile(folder: string): void {
  const path = join(folder, 'data.mdb')
  const head = readHead(path)
  if (head === undefined || head.size === 0) return
  const { bytes, size } = head
  if (size < BYTES_MIN || bytes.readUInt32LE(MAGIC_OFFSET) !== MAGIC) {
    throw new OperatorError(`${path} is no database: restore the store from a backup`)
  }
  const version = bytes.readUInt32LE(VERSION_OFFSET)
  if (version > VERSION) {
    throw new OperatorError(
      `${path} was written by a newer version (format ${version}): upgrade this program`,
    )
  }
}

function readHead(path: string): { readonly bytes: Buffer; readonly size: number } | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    // Not there, or not readable, which opening the database says better.
    return undefined
  }
  try {
    const bytes = Buffer.alloc(VERSION_OFFSET + 4)
    readSync(file, bytes, 0, bytes.length, 0)
    return { bytes, size: fstatSync(file).size }
  } finally {
    closeSync(file)
  }
}
