/**
 * The keys of an encrypted store. Records are sealed with data keys, random and made by the store
 * itself; the operator's key only seals the ring that holds them. So a new operator's key needs no
 * record to be written again, and a wrong one is recognised before any record is read.
 *
 * ```
 * u8 version | name key[32] | (u8 key id | key[32])+, the key in use last
 * ```
 * @module
 */
import type { Random } from '../../ports/index.ts'
import { assert, present } from '../../protocol/assert.ts'
import { concatBytes } from '../../protocol/bytes.ts'

export const DATA_KEY_BYTES = 32
const RING_VERSION = 1
/** Ids are one byte in each record; 0 says that a record is not sealed. */
export const KEY_IDS_MAX = 255

export type DataKey = { readonly id: number; readonly key: Uint8Array }

export type KeyRing = {
  /** Hides names in the keys of databases. Never changes, or nothing would be found any more. */
  readonly nameKey: Uint8Array
  /** Oldest first; the last one seals what is written. */
  readonly keys: readonly DataKey[]
}

export function newRing(random: Random): KeyRing {
  return {
    nameKey: random.bytes(DATA_KEY_BYTES),
    keys: [{ id: 1, key: random.bytes(DATA_KEY_BYTES) }],
  }
}

/** The key that seals what is written from now on. */
export function keyInUse(ring: KeyRing): DataKey {
  return present(ring.keys.at(-1), 'a ring has a key')
}

/** A ring with a fresh key in use; the others open what they have sealed. */
export function withNewKey(ring: KeyRing, random: Random): KeyRing {
  assert(ring.keys.length < KEY_IDS_MAX, 'a key id is free')
  const taken = new Set(ring.keys.map(({ id }) => id))
  // After the one in use, so that an id that was given up is not soon used again.
  let id = keyInUse(ring).id
  do id = (id % KEY_IDS_MAX) + 1
  while (taken.has(id))
  return { ...ring, keys: [...ring.keys, { id, key: random.bytes(DATA_KEY_BYTES) }] }
}

/** A ring without the keys that nothing is sealed with any more; the one in use stays. */
export function withoutUnused(ring: KeyRing, used: ReadonlySet<number>): KeyRing {
  const current = keyInUse(ring)
  return { ...ring, keys: ring.keys.filter((one) => one === current || used.has(one.id)) }
}

export function encodeRing({ nameKey, keys }: KeyRing): Uint8Array {
  const parts = keys.map(({ id, key }) => concatBytes(new Uint8Array([id]), key))
  return concatBytes(new Uint8Array([RING_VERSION]), nameKey, ...parts)
}

/** Undefined when `bytes` are not of this version. */
export function decodeRing(bytes: Uint8Array): KeyRing | undefined {
  const start = 1 + DATA_KEY_BYTES
  const each = 1 + DATA_KEY_BYTES
  if (bytes[0] !== RING_VERSION || bytes.length <= start) return undefined
  if ((bytes.length - start) % each !== 0) return undefined
  const keys: DataKey[] = []
  for (let at = start; at < bytes.length; at += each) {
    keys.push({ id: bytes[at] ?? 0, key: bytes.slice(at + 1, at + each) })
  }
  return { nameKey: bytes.slice(1, start), keys }
}
