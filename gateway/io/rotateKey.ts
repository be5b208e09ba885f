/**
 * New keys for an encrypted store: a new data key for what is written from now on, the databases
 * sealed again with it, and the ring of keys sealed with a new operator's key where one is given.
 * @module
 */
import { join } from 'node:path'
import type { StoreKeyConfig } from '../../ports/configTypes.ts'
import type { Disk, KeyValue, Ports } from '../../ports/index.ts'
import { readStoreKey } from '../../ports/io/storeKey.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import type { GatewaySettings } from '../config.ts'
import type { Box } from '../store/box.ts'
import { openTagged, sealTagged } from '../store/box.ts'
import { createBox, sealRing } from '../store/io/aesBox.ts'
import { readMeta, replaceRing } from '../store/meta.ts'
import { OVERHEAD_BYTES, readHeader } from '../store/record.ts'
import type { KeyRing } from '../store/ring.ts'
import { keyInUse, withNewKey, withoutUnused } from '../store/ring.ts'
import { JOURNAL_FOLDER, parseSegmentName } from '../store/segment.ts'
import { SNAPSHOT_FOLDER } from '../store/snapshot.ts'
import { inStore, openDatabase, openStoreFolder } from './storeFolder.ts'
import type { DatabaseName } from './storeSeals.ts'
import { configuredStoreKey, existingRing } from './storeSeals.ts'

const ENTRIES_PER_BATCH = 1_000
const everyKey = [new Uint8Array([0]), new Uint8Array(64).fill(0xff)] as const

export type Rotation = {
  /** Id of the data key in use now. */
  readonly keyId: number
  /** Ids of former keys that journal segments or snapshots still need. */
  readonly kept: readonly number[]
  readonly resealed: number
}

/**
 * Rotates the keys of the store in `settings.data`. Interrupted anywhere, the store opens (with the
 * new operator's key from the first write on) and the rotation can be made again.
 * @throws OperatorError when the store runs or is not encrypted, or the key does not open it
 */
export async function rotateKey(
  settings: GatewaySettings,
  next: StoreKeyConfig | undefined,
  ports: Ports,
): Promise<Rotation> {
  const operatorKey = await configuredStoreKey(settings, process.env, ports.log)
  const nextKey = next && (await readStoreKey(next, process.env)).key
  const { disk, lock } = await openStoreFolder(settings.data)
  try {
    const meta = await readMeta(disk)
    const former = meta && existingRing(meta, operatorKey)
    if (!former || !operatorKey) {
      throw new OperatorError('there is no encrypted store here whose keys could be rotated')
    }
    const sealingKey = nextKey ?? operatorKey
    const ring = withNewKey(former, ports.random)
    await replaceRing(disk, sealRing(sealingKey, ring))
    let resealed = 0
    for (const name of ['cold', 'ledger'] as const) {
      resealed += await resealDatabase(settings.data, name, ring)
    }
    const used = await idsOnDisk(disk)
    const last = used ? withoutUnused(ring, used) : ring
    await replaceRing(disk, sealRing(sealingKey, last))
    const keyId = keyInUse(last).id
    const kept = last.keys.map(({ id }) => id).filter((id) => id !== keyId)
    return { keyId, kept, resealed }
  } catch (error) {
    throw inStore(settings.data, error)
  } finally {
    await lock.release()
  }
}

async function resealDatabase(folder: string, name: DatabaseName, ring: KeyRing) {
  const store = openDatabase(join(folder, name), () => {})
  try {
    return await reseal(store, createBox(ring, name), name)
  } finally {
    await store.close()
  }
}

async function reseal(store: KeyValue, box: Box, name: DatabaseName): Promise<number> {
  let batch: (readonly [Uint8Array, Uint8Array])[] = []
  let count = 0
  for (const [key, value] of store.range(...everyKey)) {
    if (value[0] === box.keyId) continue
    const opened = openTagged(box, key, value)
    if (!opened) throw new OperatorError(`the database "${name}" is damaged: restore a backup`)
    batch.push([key, sealTagged(box, key, opened)])
    count += 1
    if (batch.length < ENTRIES_PER_BATCH) continue
    await store.write(batch)
    batch = []
  }
  await store.write(batch)
  return count
}

/**
 * Ids of the keys that journal records and snapshots are sealed with; undefined when a segment
 * cannot be read to its end, so that no key is given up that it may need.
 */
async function idsOnDisk(disk: Disk): Promise<ReadonlySet<number> | undefined> {
  const ids = new Set<number>()
  for (const name of await disk.list(SNAPSHOT_FOLDER)) {
    const bytes = await disk.read(`${SNAPSHOT_FOLDER}/${name}`)
    ids.add(bytes?.[0] ?? 0)
  }
  for (const name of await disk.list(JOURNAL_FOLDER)) {
    if (parseSegmentName(name) === undefined) continue
    const bytes = present(await disk.read(`${JOURNAL_FOLDER}/${name}`), 'a listed file')
    for (let at = 0; at < bytes.length; ) {
      const reading = readHeader(bytes, at)
      if (reading.kind !== 'header') return undefined
      ids.add(reading.header.keyId)
      at += OVERHEAD_BYTES + reading.header.bodyLength
    }
  }
  return ids
}
