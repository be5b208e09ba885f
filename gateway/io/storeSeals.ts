/**
 * The seals of a store: what its disk, journal and databases go through when it is encrypted, and
 * nothing at all when it is not.
 * @module
 */
import { createHmac } from 'node:crypto'
import type { Disk, KeyValue, Log, Random } from '../../ports/index.ts'
import { readStoreKey } from '../../ports/io/storeKey.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { GatewaySettings } from '../config.ts'
import { journalSeal } from '../store/box.ts'
import type { HiddenKeys } from '../store/hiddenKeys.ts'
import { createKeyHider } from '../store/hiddenKeys.ts'
import { createBox, openRing, sealRing } from '../store/io/aesBox.ts'
import type { StoreMeta } from '../store/meta.ts'
import { readMeta } from '../store/meta.ts'
import type { Seal } from '../store/record.ts'
import type { KeyRing } from '../store/ring.ts'
import { newRing } from '../store/ring.ts'
import { sealedDisk } from '../store/sealedDisk.ts'
import { sealedKeyValue } from '../store/sealedKeyValue.ts'

export type DatabaseName = 'cold' | 'ledger'

export type StoreSeals = {
  readonly disk: Disk
  /** For the journal. */
  readonly journal: Seal | undefined
  readonly database: (name: DatabaseName, store: KeyValue) => KeyValue
  /** The ring of a store that does not exist yet, sealed with the operator's key. */
  readonly newRing: Uint8Array | undefined
}

/** Numbers stay in the keys of the databases; names, ids and references do not. */
const hiddenKeys: Readonly<Record<DatabaseName, HiddenKeys>> = {
  /** Channel numbers and epochs; a device by name and a channel by id are hidden. */
  cold: { c: 0, n: 0, k: 0 },
  /** Format, counters, entries and ages of submissions by number; channels by their position. */
  ledger: { f: 0, c: 0, E: 0, T: 0, C: 32 },
}

/** The operator's key as configured; logs a warning when others can read it. */
export async function configuredStoreKey(
  { storeKey }: Pick<GatewaySettings, 'storeKey'>,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<Uint8Array | undefined> {
  if (storeKey === undefined) return undefined
  const { key, warning } = await readStoreKey(storeKey, environment)
  if (warning !== undefined) log('warn', warning)
  return key
}

/**
 * Reads nothing of the store but the file that says whether it is encrypted.
 * @throws OperatorError when store and key do not belong together
 */
export async function openSeals(
  disk: Disk,
  operatorKey: Uint8Array | undefined,
  random: Random,
): Promise<StoreSeals> {
  const meta = await readMeta(disk)
  if (meta) {
    const ring = existingRing(meta, operatorKey)
    return ring ? sealsOf(disk, ring, undefined) : plainSeals(disk)
  }
  if (!operatorKey) return plainSeals(disk)
  const ring = newRing(random)
  return sealsOf(disk, ring, sealRing(operatorKey, ring))
}

/**
 * The keys of a store that exists; undefined for one that is not encrypted.
 * @throws OperatorError when store and key do not belong together
 */
export function existingRing(
  meta: StoreMeta,
  operatorKey: Uint8Array | undefined,
): KeyRing | undefined {
  const { sealedRing } = meta
  if (!sealedRing && !operatorKey) return undefined
  if (!sealedRing) {
    throw new OperatorError(
      'the store is not encrypted but storeKey is configured: make an encrypted copy with ' +
        '"tickpay store encrypt FOLDER", or take storeKey out of the configuration',
    )
  }
  if (!operatorKey) {
    throw new OperatorError(
      'the store is encrypted: configure storeKey, the key that it was encrypted with',
    )
  }
  const ring = openRing(operatorKey, sealedRing)
  if (ring) return ring
  throw new OperatorError(
    'the configured storeKey is not the one that the store was encrypted with: configure that ' +
      'one; nothing was read or changed',
  )
}

function plainSeals(disk: Disk): StoreSeals {
  return { disk, journal: undefined, database: (_, store) => store, newRing: undefined }
}

/** Seals with the keys of `ring`. */
export function sealsOf(
  disk: Disk,
  ring: KeyRing,
  sealedNewRing: Uint8Array | undefined,
): StoreSeals {
  return {
    disk: sealedDisk(disk, createBox(ring, 'snapshot')),
    journal: journalSeal(createBox(ring, 'journal')),
    database: (name, store) => {
      const hider = createKeyHider(hiddenKeys[name], nameDigest(ring, name))
      return sealedKeyValue(store, createBox(ring, name), hider, name)
    },
    newRing: sealedNewRing,
  }
}

/** HMAC-SHA256, another for each database. */
function nameDigest({ nameKey }: KeyRing, name: DatabaseName): (bytes: Uint8Array) => Uint8Array {
  return (bytes) =>
    new Uint8Array(createHmac('sha256', nameKey).update(name).update(bytes).digest())
}
