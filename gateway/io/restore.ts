/**
 * A store from a backup, into an empty folder. The backup is read and checked to its end before the
 * first byte is written; the file that makes the folder a store is written last.
 * @module
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Ports } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { GatewaySettings } from '../config.ts'
import type { ArchiveFile } from '../store/archive.ts'
import { META_PATH, readMeta } from '../store/meta.ts'
import type { Restored } from '../store/restored.ts'
import { writeRestored } from '../store/restored.ts'
import { readArchive } from './archiveFile.ts'
import { requireEmptyFolder } from './emptyFolder.ts'
import { openStoreFolder } from './storeFolder.ts'
import { configuredStoreKey, existingRing } from './storeSeals.ts'

export type RestoreResult = Restored & {
  readonly folder: string
  readonly files: number
  readonly head: string
}

/** Until it is complete, so that nothing takes half a folder for a store. */
const META_PART = `${META_PATH}.restoring`

/**
 * Restores the backup `file` into `settings.data`.
 * @param backupKey the key the backup was made with, where that is not the store's own
 * @throws OperatorError when the folder is not empty, the backup damaged, or a key missing
 */
export async function restoreBackup(
  settings: GatewaySettings,
  file: string,
  backupKey: Uint8Array | undefined,
  ports: Ports,
): Promise<RestoreResult> {
  const storeKey = await configuredStoreKey(settings, process.env, ports.log)
  const key = backupKey ?? storeKey
  const { about } = await readArchive(file, key)
  if (about.gateway !== settings.gateway) {
    throw new OperatorError(
      `the backup is of the gateway ${about.gateway}, the configuration of ${settings.gateway}: ` +
        'use the configuration of that gateway',
    )
  }
  await requireEmptyFolder(settings.data)
  const { lock } = await openStoreFolder(settings.data)
  try {
    const files = await unpack(settings.data, file, key)
    await requireSame(settings.data, files)
    const disk = await nodeDisk(settings.data)
    const restored: Restored = {
      backupAtSeconds: about.createdAtSeconds,
      restoredAtSeconds: Math.floor(ports.clock.nowMs() / 1_000),
      position: about.position,
      confirmedAtSeconds: null,
    }
    await writeRestored(disk, restored)
    await rename(join(settings.data, META_PART), join(settings.data, META_PATH))
    await syncPath(settings.data)
    const meta = await readMeta(disk)
    // Says at once, and not at the next start, when the store needs another key.
    if (meta) existingRing(meta, storeKey)
    const head = bytesToHex(about.head)
    return { ...restored, folder: settings.data, files: files.length, head }
  } finally {
    await lock.release()
  }
}

async function unpack(
  folder: string,
  file: string,
  key: Uint8Array | undefined,
): Promise<readonly ArchiveFile[]> {
  let current: FileHandle | undefined
  const end = async () => {
    await current?.sync()
    await current?.close()
    current = undefined
  }
  try {
    const { files } = await readArchive(file, key, {
      onFile: async (path) => {
        await end()
        const target = placeOf(folder, path)
        await mkdir(dirname(target), { recursive: true, mode: 0o700 })
        current = await open(target, 'wx', 0o600)
      },
      onPart: async (bytes) => {
        await current?.appendFile(bytes)
      },
    })
    await end()
    for (const name of ['journal', 'snapshot', 'cold', 'ledger']) {
      await syncPath(join(folder, name)).catch(() => undefined)
    }
    return files
  } finally {
    await end()
  }
}

function placeOf(folder: string, path: string): string {
  return join(folder, path === META_PATH ? META_PART : path)
}

/** What was written is read again: the disk may be worse than the backup. */
async function requireSame(folder: string, files: readonly ArchiveFile[]): Promise<void> {
  for (const { path, hash } of files) {
    const bytes = await readFile(placeOf(folder, path))
    const found = new Uint8Array(createHash('sha256').update(bytes).digest())
    if (equalBytes(found, hash)) continue
    throw new OperatorError(`${path} does not read back as it was written: check the disk`)
  }
}

async function syncPath(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
