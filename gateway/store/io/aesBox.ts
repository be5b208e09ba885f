/**
 * AES-256-GCM (NIST SP 800-38D) for everything a store keeps.
 *
 * ```
 * sealed = salt[16] | u64 counter | ciphertext | tag[16]
 * key    = HKDF-SHA256(data key, salt, purpose), nonce = u32 0 | counter
 * ```
 *
 * A nonce never repeats for a key: each box draws a salt of its own when it is made, and so has a
 * key of its own, under which it counts. That holds for records written again at the same place
 * after a crash, and for a store that was restored from a copy.
 * @module
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { assert } from '../../../protocol/assert.ts'
import { bytesToHex, equalBytes, utf8ToBytes } from '../../../protocol/bytes.ts'
import type { Box } from '../box.ts'
import type { KeyRing } from '../ring.ts'
import { DATA_KEY_BYTES, decodeRing, encodeRing, keyInUse } from '../ring.ts'

const SALT_BYTES = 16
const COUNTER_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** What sealing adds. */
export const SEALED_OVERHEAD_BYTES = SALT_BYTES + COUNTER_BYTES + TAG_BYTES
/** Then a new salt; far below what the counter could hold. */
const MESSAGES_PER_SALT_MAX = 2 ** 32
/** Derived keys kept for reading: one for each salt, that is for each start of a store. */
const DERIVED_KEYS_MAX = 1_024

/** The parts of a store, so that nothing sealed for one opens in another. */
export type Purpose = 'journal' | 'snapshot' | 'cold' | 'ledger' | 'backup' | 'ring'

/** A box for one part of the store that `ring` belongs to. */
export function createBox(ring: KeyRing, purpose: Purpose): Box {
  const current = keyInUse(ring)
  const keys = new Map(ring.keys.map(({ id, key }) => [id, key]))
  const derived = new Map<string, Uint8Array>()
  let salt: Uint8Array = new Uint8Array()
  let key: Uint8Array = new Uint8Array()
  let count = MESSAGES_PER_SALT_MAX
  // Most of what is read together was written together.
  let last = { id: 0, salt: new Uint8Array(), key: new Uint8Array() }
  const keyFor = (id: number, of: Uint8Array) => {
    if (id === last.id && equalBytes(of, last.salt)) return last.key
    const found = derivedFor(id, of)
    if (found) last = { id, salt: new Uint8Array(of), key: new Uint8Array(found) }
    return found
  }
  const derivedFor = (id: number, of: Uint8Array) => {
    const name = `${id} ${bytesToHex(of)}`
    const known = derived.get(name)
    const data = keys.get(id)
    if (known || !data) return known
    if (derived.size >= DERIVED_KEYS_MAX) derived.clear()
    const made = derive(data, of, purpose)
    derived.set(name, made)
    return made
  }
  return {
    keyId: current.id,
    seal: (associated, plain) => {
      if (count >= MESSAGES_PER_SALT_MAX) {
        salt = new Uint8Array(randomBytes(SALT_BYTES))
        key = derive(current.key, salt, purpose)
        count = 0
      }
      const sealed = encrypt(key, salt, count, associated, plain)
      count += 1
      return sealed
    },
    open: (id, associated, sealed) => {
      if (sealed.length < SEALED_OVERHEAD_BYTES) return undefined
      const found = keyFor(id, sealed.subarray(0, SALT_BYTES))
      return found && decrypt(found, associated, sealed)
    },
  }
}

function derive(key: Uint8Array, salt: Uint8Array, purpose: Purpose): Uint8Array {
  assert(key.length === DATA_KEY_BYTES, 'AES-256 takes keys of 32 bytes')
  return new Uint8Array(hkdfSync('sha256', key, salt, utf8ToBytes(`tickpay ${purpose}`), 32))
}

function encrypt(
  key: Uint8Array,
  salt: Uint8Array,
  count: number,
  associated: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  const start = SALT_BYTES + COUNTER_BYTES
  const sealed = new Uint8Array(SEALED_OVERHEAD_BYTES + plain.length)
  sealed.set(salt)
  new DataView(sealed.buffer).setBigUint64(SALT_BYTES, BigInt(count))
  const cipher = createCipheriv('aes-256-gcm', key, nonceIn(sealed)).setAAD(associated)
  sealed.set(cipher.update(plain), start)
  cipher.final()
  sealed.set(cipher.getAuthTag(), start + plain.length)
  return sealed
}

function decrypt(
  key: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES
  const options = { authTagLength: TAG_BYTES }
  const decipher = createDecipheriv('aes-256-gcm', key, nonceIn(sealed), options)
  decipher.setAAD(associated).setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(SALT_BYTES + COUNTER_BYTES, end))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return new Uint8Array(plain)
}

function nonceIn(sealed: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES)
  nonce.set(sealed.subarray(SALT_BYTES, SALT_BYTES + COUNTER_BYTES), NONCE_BYTES - COUNTER_BYTES)
  return nonce
}

/** The ring under the operator's key. */
export function sealRing(operatorKey: Uint8Array, ring: KeyRing): Uint8Array {
  return ringBox(operatorKey).seal(new Uint8Array(), encodeRing(ring))
}

/** Undefined when the ring was sealed with another key or altered since. */
export function openRing(operatorKey: Uint8Array, sealed: Uint8Array): KeyRing | undefined {
  const bytes = ringBox(operatorKey).open(1, new Uint8Array(), sealed)
  return bytes && decodeRing(bytes)
}

function ringBox(operatorKey: Uint8Array): Box {
  const keys = [{ id: 1, key: operatorKey }]
  return createBox({ nameKey: new Uint8Array(), keys }, 'ring')
}
