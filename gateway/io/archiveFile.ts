/**
 * Writes and reads a backup file.
 * @module
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { assert } from '../../protocol/assert.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { ArchiveAbout, ArchiveEntry, ArchiveFile } from '../store/archive.ts'
import {
  ARCHIVE_RECORD_BYTES_MAX,
  ARCHIVE_VERSION,
  archiveGenesis,
  decodeArchiveEntry,
  encodeArchiveEntry,
  isStorePath,
  PART_BYTES_MAX,
} from '../store/archive.ts'
import { journalSeal } from '../store/box.ts'
import { createBox, openRing, sealRing } from '../store/io/aesBox.ts'
import type { Seal } from '../store/record.ts'
import {
  decodeBody,
  encodeRecord,
  entryBytes,
  HEADER_BYTES,
  KEY_NONE,
  OVERHEAD_BYTES,
  readBody,
  readHeader,
  writeEntry,
} from '../store/record.ts'
import type { KeyRing } from '../store/ring.ts'

export type ArchiveWriter = {
  readonly about: (about: ArchiveAbout) => Promise<void>
  /** A file in parts of any size. */
  readonly file: (path: string, parts: AsyncIterable<Uint8Array>) => Promise<void>
  /** The list of files, then everything onto the disk. */
  readonly finish: () => Promise<readonly ArchiveFile[]>
  readonly close: () => Promise<void>
}

/** Under which key a backup is sealed: a ring of its own, sealed with the operator's key. */
export type ArchiveKeys = { readonly ring: KeyRing; readonly operatorKey: Uint8Array }

/** Creates the file at `path`, which must not exist. */
export async function createArchive(
  path: string,
  keys: ArchiveKeys | undefined,
): Promise<ArchiveWriter> {
  const file = await open(path, 'wx', 0o600)
  const seal = keys && journalSeal(createBox(keys.ring, 'backup'))
  const files: ArchiveFile[] = []
  let previous: Uint8Array = archiveGenesis
  let position = 0n
  const write = async (entry: ArchiveEntry) => {
    position += 1n
    const plain = bodyOf(encodeArchiveEntry(entry))
    const isSealed = seal !== undefined && entry.kind !== 'head'
    const body = isSealed ? seal.seal(position, plain) : plain
    const keyId = isSealed ? seal.keyId : KEY_NONE
    const record = encodeRecord(previous, position, keyId, body, fastSha256)
    previous = record.hash
    await file.appendFile(record.bytes)
  }
  const sealedRing = keys && sealRing(keys.operatorKey, keys.ring)
  await write({ kind: 'head', version: ARCHIVE_VERSION, sealedRing })
  return {
    about: (about) => write({ kind: 'about', about }),
    file: async (name, parts) => {
      assert(isStorePath(name), 'a backup holds files of a store')
      await write({ kind: 'file', path: name })
      const hash = createHash('sha256')
      let bytes = 0
      for await (const part of parts) {
        for (let at = 0; at < part.length; at += PART_BYTES_MAX) {
          const piece = part.subarray(at, at + PART_BYTES_MAX)
          hash.update(piece)
          bytes += piece.length
          await write({ kind: 'part', bytes: piece })
        }
      }
      files.push({ path: name, bytes, hash: new Uint8Array(hash.digest()) })
    },
    finish: async () => {
      await write({ kind: 'end', files })
      await file.sync()
      return files
    },
    close: () => file.close(),
  }
}

function bodyOf(entry: Uint8Array): Uint8Array {
  const body = new Uint8Array(entryBytes(entry))
  writeEntry(body, 0, entry)
  return body
}

export type ArchiveVisitor = {
  /** Called before the parts of each file. */
  readonly onFile?: (path: string) => Promise<void>
  readonly onPart?: (bytes: Uint8Array) => Promise<void>
}

export type ArchiveReading = {
  readonly about: ArchiveAbout
  readonly files: readonly ArchiveFile[]
  readonly sealed: boolean
}

/**
 * Reads a backup from first to last, checking every record, every file and that all are there.
 * @throws OperatorError naming the byte at which it is damaged, or that another key is needed
 */
export async function readArchive(
  path: string,
  operatorKey: Uint8Array | undefined,
  visitor: ArchiveVisitor = {},
): Promise<ArchiveReading> {
  const file = await openToRead(path)
  try {
    return await readRecords(path, file, operatorKey, visitor)
  } finally {
    await file.close()
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new OperatorError(`cannot read the backup ${path} (${code}): check the path`)
  }
}

/** The file that is being read. */
type Current = {
  readonly path: string
  bytes: number
  readonly hash: ReturnType<typeof createHash>
}

async function readRecords(
  path: string,
  file: FileHandle,
  operatorKey: Uint8Array | undefined,
  visitor: ArchiveVisitor,
): Promise<ArchiveReading> {
  const records = recordsOf(path, file, operatorKey)
  const first = await records.next()
  const head = first.done ? undefined : first.value
  assert(head?.kind === 'head', 'the reader begins with the head')
  let about: ArchiveAbout | undefined
  let current: Current | undefined
  let listed: readonly ArchiveFile[] | undefined
  const found: ArchiveFile[] = []
  const endFile = () => {
    if (!current) return
    const hash = new Uint8Array(current.hash.digest())
    found.push({ path: current.path, bytes: current.bytes, hash })
    current = undefined
  }
  for await (const entry of records) {
    if (entry.kind === 'about') about = entry.about
    if (entry.kind === 'file') {
      endFile()
      current = { path: entry.path, bytes: 0, hash: createHash('sha256') }
      await visitor.onFile?.(entry.path)
    }
    if (entry.kind === 'part') {
      // A backup that is not sealed can be put together by anybody.
      if (!current) throw incomplete(path)
      current.hash.update(entry.bytes)
      current.bytes += entry.bytes.length
      await visitor.onPart?.(entry.bytes)
    }
    if (entry.kind === 'end') {
      endFile()
      listed = entry.files
    }
  }
  if (!about || !listed || !sameFiles(found, listed)) throw incomplete(path)
  return { about, files: found, sealed: head.sealedRing !== undefined }
}

function sameFiles(found: readonly ArchiveFile[], listed: readonly ArchiveFile[]): boolean {
  return (
    found.length === listed.length &&
    found.every((one, place) => {
      const other = listed[place]
      return (
        other?.path === one.path && other.bytes === one.bytes && equalBytes(other.hash, one.hash)
      )
    })
  )
}

function incomplete(path: string): OperatorError {
  return new OperatorError(`the backup ${path} is not complete: use another one`)
}

type Place = { offset: number; position: bigint; previous: Uint8Array }

/** Entries in order, the head first; ends after the end entry and nothing else. */
async function* recordsOf(
  path: string,
  file: FileHandle,
  operatorKey: Uint8Array | undefined,
): AsyncGenerator<ArchiveEntry> {
  const { size } = await file.stat()
  const place: Place = { offset: 0, position: 0n, previous: archiveGenesis }
  const head = await readEntry(path, file, place, undefined)
  if (head.kind !== 'head') throw damaged(path, 0)
  if (head.version > ARCHIVE_VERSION) {
    throw new OperatorError(
      `${path} was written by a newer version (format ${head.version}): upgrade this program`,
    )
  }
  const seal = sealOf(path, head.sealedRing, operatorKey)
  yield head
  for (;;) {
    const entry = await readEntry(path, file, place, seal)
    if (entry.kind === 'head') throw damaged(path, place.offset)
    if (entry.kind === 'file' && !isStorePath(entry.path)) throw damaged(path, place.offset)
    yield entry
    if (entry.kind === 'end') break
  }
  if (place.offset !== size) throw damaged(path, place.offset)
}

function sealOf(
  path: string,
  sealedRing: Uint8Array | undefined,
  operatorKey: Uint8Array | undefined,
): Seal | undefined {
  if (!sealedRing) return undefined
  if (!operatorKey) {
    throw new OperatorError(
      `the backup ${path} is encrypted: configure storeKey as it was then, or give --key-file`,
    )
  }
  const ring = openRing(operatorKey, sealedRing)
  if (ring) return journalSeal(createBox(ring, 'backup'))
  throw new OperatorError(
    `the key does not open the backup ${path}: it needs the storeKey of its time, or the ` +
      '--key-file it was made with',
  )
}

async function readEntry(
  path: string,
  file: FileHandle,
  place: Place,
  seal: Seal | undefined,
): Promise<ArchiveEntry> {
  const start = await readExactly(file, place.offset, HEADER_BYTES)
  const reading = start ? readHeader(start, 0, fastSha256) : undefined
  if (!start || reading?.kind !== 'header') throw damaged(path, place.offset)
  const { header } = reading
  const isNext = header.position === place.position + 1n
  if (!isNext || !equalBytes(header.previous, place.previous)) throw damaged(path, place.offset)
  if (header.bodyLength > ARCHIVE_RECORD_BYTES_MAX) throw damaged(path, place.offset)
  const length = OVERHEAD_BYTES + header.bodyLength
  const bytes = await readExactly(file, place.offset, length)
  const found = bytes && readBody(bytes, 0, header, fastSha256)
  if (!found) throw damaged(path, place.offset)
  const isPlain = header.keyId === KEY_NONE
  if (isPlain !== (seal === undefined)) throw damaged(path, place.offset)
  const body = seal ? seal.open(header.keyId, header.position, found.body) : found.body
  const [only] = (body && decodeBody(body)) ?? []
  const entry = only && decodeArchiveEntry(only)
  if (!entry) throw damaged(path, place.offset)
  place.offset += length
  place.position = header.position
  place.previous = found.hash
  return entry
}

/** Undefined at the end of the file. */
async function readExactly(
  file: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, offset + read)
    if (bytesRead === 0) return undefined
    read += bytesRead
  }
  return bytes
}

function damaged(path: string, offset: number): OperatorError {
  return new OperatorError(
    `the backup ${path} is damaged or cut short at byte ${offset}: use another one`,
  )
}
