/**
 * A backup of a running gateway: a snapshot, the cold store, the journal, the ledger, in this
 * order. Each part may be newer than the one before it, which recovery is made for: the journal
 * tells what the cold store has already, and the ledger answers claims that it has paid. The other
 * way round something would be missing.
 * @module
 */
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { Disk, Ports } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { assert, present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Head } from '../store/heads.ts'
import { HEADS_PATH } from '../store/heads.ts'
import type { LmdbStore } from '../store/io/lmdb.ts'
import { META_PATH, readMeta } from '../store/meta.ts'
import { HEADER_BYTES, OVERHEAD_BYTES } from '../store/record.ts'
import { newRing } from '../store/ring.ts'
import { JOURNAL_FOLDER, parseSegmentName } from '../store/segment.ts'
import { SNAPSHOT_FOLDER } from '../store/snapshot.ts'
import type { ArchiveWriter } from './archiveFile.ts'
import { createArchive, readArchive } from './archiveFile.ts'

/** What a backup is made of. */
export type BackupSource = {
  readonly gateway: string
  /** The files as they are, sealed or not. */
  readonly disk: Disk
  readonly cold: LmdbStore
  readonly ledger: LmdbStore
  /** The last durable position of the journal. */
  readonly head: () => Head
  /** Writes a snapshot and carries out `act` while no other one is written. */
  readonly withSnapshot: <T>(act: () => Promise<T>) => Promise<T>
  /** True when the gateway is about to stop: a backup must not keep it. */
  readonly isStopping: () => boolean
  readonly ports: Pick<Ports, 'clock' | 'random'>
}

/** Where a record's header has the position of its first entry. */
const POSITION_OFFSET = 6

export type BackupResult = {
  readonly file: string
  readonly position: number
  readonly head: string
  readonly files: number
  readonly bytes: number
  readonly encrypted: boolean
}

/**
 * Writes a backup to `target`, a new file or an existing folder, and reads it back.
 * @throws OperatorError when the file exists, cannot be written or does not read back
 */
export async function writeBackup(
  source: BackupSource,
  target: string,
  operatorKey: Uint8Array | undefined,
): Promise<BackupResult> {
  const file = await pathFor(source, target)
  const partial = `${file}.part`
  const copies = `${file}.copies`
  try {
    await prepare(partial, copies)
    const ring = operatorKey && newRing(source.ports.random)
    const archive = await createArchive(partial, ring && { ring, operatorKey })
    try {
      await source.withSnapshot(() => writeParts(source, archive, copies))
    } finally {
      await archive.close()
    }
    const { about, files } = await readArchive(partial, operatorKey)
    await rename(partial, file)
    await syncFolder(dirname(file))
    return {
      file,
      position: about.position,
      head: bytesToHex(about.head),
      files: files.length,
      bytes: (await stat(file)).size,
      encrypted: operatorKey !== undefined,
    }
  } catch (error) {
    await rm(partial, { force: true })
    throw explained(file, error)
  } finally {
    await rm(copies, { recursive: true, force: true })
  }
}

async function pathFor({ gateway, ports }: BackupSource, target: string): Promise<string> {
  const path = resolve(target)
  const found = await stat(path).catch(() => undefined)
  if (found && !found.isDirectory()) {
    throw new OperatorError(`${path} is there already: choose another file, or a folder`)
  }
  if (!found) return path
  const time = new Date(ports.clock.nowMs()).toISOString().replace(/[-:]|\.\d+/g, '')
  return join(path, `${gateway}-${time}.tickpay-backup`)
}

/** What an interrupted backup to the same file left behind goes. */
async function prepare(partial: string, copies: string): Promise<void> {
  await rm(partial, { force: true })
  await rm(copies, { recursive: true, force: true })
  // Not with its parents: a disk that is not mounted must not be taken for an empty folder.
  await mkdir(copies, { mode: 0o700 })
  for (const name of ['cold', 'ledger']) await mkdir(join(copies, name), { mode: 0o700 })
}

async function writeParts(
  source: BackupSource,
  archive: ArchiveWriter,
  copies: string,
): Promise<void> {
  const { disk, cold, ledger, gateway, ports } = source
  await writeNewestSnapshot(source, archive)
  await cold.copyTo(join(copies, 'cold'))
  const head = source.head()
  const { storeId } = present(await readMeta(disk), 'the store exists')
  const createdAtSeconds = Math.floor(ports.clock.nowMs() / 1_000)
  const position = Number(head.position)
  await archive.about({ gateway, storeId, createdAtSeconds, position, head: head.hash })
  await archive.file('cold/data.mdb', fileParts(source, join(copies, 'cold', 'data.mdb')))
  await writeJournal(source, archive, head)
  await ledger.copyTo(join(copies, 'ledger'))
  await archive.file('ledger/data.mdb', fileParts(source, join(copies, 'ledger', 'data.mdb')))
  await writeFromDisk(source, archive, META_PATH)
  await archive.finish()
}

async function writeNewestSnapshot(source: BackupSource, archive: ArchiveWriter): Promise<void> {
  const newest = (await source.disk.list(SNAPSHOT_FOLDER)).at(-1)
  const name = present(newest, 'a snapshot was just written')
  await writeFromDisk(source, archive, `${SNAPSHOT_FOLDER}/${name}`)
}

/** All segments; the last one up to `head`. */
async function writeJournal(
  source: BackupSource,
  archive: ArchiveWriter,
  head: Head,
): Promise<void> {
  const names = await source.disk.list(JOURNAL_FOLDER)
  if (`${JOURNAL_FOLDER}/${names.at(-1)}` === HEADS_PATH) {
    await writeFromDisk(source, archive, HEADS_PATH)
  }
  for (const name of names) {
    const first = parseSegmentName(name)
    if (first === undefined || first > head.position + 1n) continue
    const path = `${JOURNAL_FOLDER}/${name}`
    const bytes = present(await source.disk.read(path), 'segments stay while a backup is made')
    await archive.file(path, pieces(source, upTo(bytes, head)))
  }
}

/**
 * Records after `head` are cut off: they may not be durable, and the last may be half written. Only
 * lengths and positions are looked at, because the whole is checked when it is read back.
 */
function upTo(bytes: Uint8Array, head: Head): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + OVERHEAD_BYTES + view.getUint32(at)
    if (view.getBigUint64(at + POSITION_OFFSET) > head.position || end > bytes.length) break
    at = end
  }
  return bytes.subarray(0, at)
}

async function writeFromDisk(
  source: BackupSource,
  archive: ArchiveWriter,
  path: string,
): Promise<void> {
  const bytes = present(await source.disk.read(path), 'the file is there')
  await archive.file(path, pieces(source, bytes))
}

async function* pieces(source: BackupSource, bytes: Uint8Array): AsyncIterable<Uint8Array> {
  requireRunning(source)
  yield bytes
}

async function* fileParts(source: BackupSource, path: string): AsyncIterable<Uint8Array> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
    requireRunning(source)
    assert(chunk instanceof Uint8Array, 'a stream without encoding gives bytes')
    yield chunk
  }
}

function requireRunning({ isStopping }: BackupSource): void {
  if (isStopping()) throw new OperatorError('the gateway stops: make the backup again later')
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: choose another one',
  EACCES: 'permission denied: choose a place that the user of the gateway may write',
  EROFS: 'the file system is read-only: choose another place',
  ENOENT: 'there is no such folder: make it first',
  EEXIST: 'it is there already: choose another name',
}

function explained(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = advice[code]
  if (error instanceof OperatorError || reason === undefined) return error
  return new OperatorError(`cannot write the backup ${basename(file)}: ${reason}`, { cause: error })
}
