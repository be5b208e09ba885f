/**
 * An encrypted copy of a store that is not encrypted. The store itself stays as it is, so that
 * nothing is lost whatever happens on the way.
 * @module
 */
import { join } from 'node:path'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Disk, KeyValue, Ports } from '../../ports/index.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { assert, present } from '../../protocol/assert.ts'
import { compareBytes } from '../../protocol/bytes.ts'
import type { GatewaySettings } from '../config.ts'
import { writeHeads } from '../store/heads.ts'
import { sealRing } from '../store/io/aesBox.ts'
import type { StoreMeta } from '../store/meta.ts'
import { copyOfMeta, META_PATH, readMeta } from '../store/meta.ts'
import { scanJournal } from '../store/recovery.ts'
import { newRing } from '../store/ring.ts'
import { segmentPath } from '../store/segment.ts'
import { readNewestSnapshot, writeSnapshot } from '../store/snapshot.ts'
import { requireEmptyFolder } from './emptyFolder.ts'
import { openOffline } from './openGateway.ts'
import { inStore, openDatabase, openStoreFolder } from './storeFolder.ts'
import type { DatabaseName, StoreSeals } from './storeSeals.ts'
import { configuredStoreKey, sealsOf } from './storeSeals.ts'

const ENTRIES_PER_BATCH = 1_000
const everyKey = [new Uint8Array([0]), new Uint8Array(64).fill(0xff)] as const

export type EncryptedCopy = { readonly position: bigint; readonly records: number }

/**
 * Writes an encrypted copy of the store in `settings.data` to the empty folder `target` and reads
 * it back. The journal of the copy goes on where that of the store ends; its records stay behind.
 * @throws OperatorError when the store runs, is encrypted or empty, or `target` is not empty
 */
export async function encryptStore(
  settings: GatewaySettings,
  target: string,
  ports: Ports,
): Promise<EncryptedCopy> {
  const operatorKey = await configuredStoreKey(settings, process.env, ports.log)
  if (!operatorKey) {
    throw new OperatorError('configure storeKey first: the key that the copy is encrypted with')
  }
  await requirePlainStore(settings.data)
  await requireEmptyFolder(target)
  // A start and a stop leave a snapshot at the very end of the journal.
  const { storeKey: _, ...plain } = settings
  await (await openOffline(plain, ports)).close()
  const { disk, lock } = await openStoreFolder(settings.data)
  try {
    const ring = newRing(ports.random)
    const to = await nodeDisk(target)
    const seals = sealsOf(to, ring, undefined)
    const meta = present(await readMeta(disk), 'the store exists')
    const position = await copyJournal(disk, meta, to, seals.disk)
    let records = 0
    for (const name of ['cold', 'ledger'] as const) {
      records += await copyDatabase(name, settings.data, target, seals)
    }
    // Last of all: without this file the folder is no store yet.
    await to.replace(META_PATH, copyOfMeta(meta, sealRing(operatorKey, ring)))
    return { position, records }
  } catch (error) {
    throw inStore(settings.data, error)
  } finally {
    await lock.release()
  }
}

async function requirePlainStore(folder: string): Promise<void> {
  const { disk, lock } = await openStoreFolder(folder)
  try {
    const meta = await readMeta(disk)
    if (meta?.sealedRing) {
      throw new OperatorError(
        `the store ${folder} is encrypted already; "tickpay store rotate-key" gives it a new key`,
      )
    }
    if (!meta) {
      throw new OperatorError(
        `there is no store in ${folder}: with storeKey configured the gateway makes an encrypted ` +
          'one when it starts',
      )
    }
  } finally {
    await lock.release()
  }
}

/** The newest snapshot and the head that the next record follows. */
async function copyJournal(
  from: Disk,
  { storeId }: StoreMeta,
  to: Disk,
  sealed: Disk,
): Promise<bigint> {
  const { snapshot, damaged } = await readNewestSnapshot(from)
  const { position, state } = present(snapshot, 'a store that was closed has a snapshot')
  assert(damaged.length === 0, 'a snapshot that was just written is whole')
  const { head, dropped } = await scanJournal(from, {
    after: position,
    genesis: fastSha256(storeId),
  })
  assert(head.position === position, 'the snapshot is at the end of the journal')
  await writeSnapshot(sealed, { position, state })
  await writeHeads(to, [...dropped, head])
  await (await to.openAppend(segmentPath(position + 1n), 0)).close()
  const back = await readNewestSnapshot(sealed)
  assert(back.snapshot?.position === position, 'the snapshot reads back')
  return position
}

async function copyDatabase(
  name: DatabaseName,
  from: string,
  to: string,
  seals: StoreSeals,
): Promise<number> {
  const source = openDatabase(join(from, name), () => {})
  const target = seals.database(
    name,
    openDatabase(join(to, name), () => {}),
  )
  try {
    const count = await copyEntries(source, target)
    requireSame(name, source, target)
    return count
  } finally {
    await source.close()
    await target.close()
  }
}

async function copyEntries(source: KeyValue, target: KeyValue): Promise<number> {
  let batch: (readonly [Uint8Array, Uint8Array])[] = []
  let count = 0
  for (const entry of source.range(...everyKey)) {
    batch.push(entry)
    count += 1
    if (batch.length < ENTRIES_PER_BATCH) continue
    await target.write(batch)
    batch = []
  }
  await target.write(batch)
  return count
}

function requireSame(name: DatabaseName, source: KeyValue, target: KeyValue): void {
  for (const [key, value] of source.range(...everyKey)) {
    const back = target.get(key)
    if (back && compareBytes(back, value) === 0) continue
    throw new OperatorError(`the copy of the database "${name}" does not read back: try again`)
  }
}
