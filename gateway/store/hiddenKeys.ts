/**
 * Keys of a database that tell nothing: names and ids in them are replaced by a keyed hash, numbers
 * stay, so that what is read in order of number still is.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { compareBytes, concatBytes } from '../../protocol/bytes.ts'

/** Bytes of a keyed hash that stand for what it hides. */
export const HIDDEN_BYTES = 32

/**
 * By the first byte of a key: how many bytes after it are hidden. What is not listed is hidden to
 * its end.
 */
export type HiddenKeys = Readonly<Record<string, number>>

export type KeyHider = {
  /** The key as it is stored. */
  readonly hide: (key: Uint8Array) => Uint8Array
  /** True when the stored key is the key itself. */
  readonly isPlain: (key: Uint8Array) => boolean
  /**
   * The stored range that holds all keys with `from <= key < to`. `inOrder` is true when it holds
   * nothing else and in the order of the keys.
   */
  readonly range: (from: Uint8Array, to: Uint8Array) => StoredRange
}

export type StoredRange = {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly inOrder: boolean
}

/** `digest` is a keyed hash of 32 bytes. */
export function createKeyHider(
  plan: HiddenKeys,
  digest: (bytes: Uint8Array) => Uint8Array,
): KeyHider {
  const hiddenOf = (key: Uint8Array) =>
    plan[String.fromCharCode(key[0] ?? 0)] ?? Number.POSITIVE_INFINITY
  const hide = (key: Uint8Array) => {
    const hidden = hiddenOf(key)
    if (hidden === 0) return key
    const end = Math.min(key.length, 1 + hidden)
    const name = digest(key.subarray(0, end))
    assert(name.length === HIDDEN_BYTES, 'a keyed hash has 32 bytes')
    return concatBytes(key.subarray(0, 1), name, key.subarray(end))
  }
  return {
    hide,
    isPlain: (key) => hiddenOf(key) === 0,
    range: (from, to) => {
      if (from[0] === to[0] && sharesHidden(from, to, hiddenOf(from))) {
        return { from: hide(from), to: hide(to), inOrder: true }
      }
      const last = to.length > 1 ? (to[0] ?? 0) + 1 : (to[0] ?? 0)
      const end = last > 0xff ? new Uint8Array(HIDDEN_BYTES + 2).fill(0xff) : new Uint8Array([last])
      return { from: from.slice(0, 1), to: end, inOrder: false }
    },
  }
}

function sharesHidden(from: Uint8Array, to: Uint8Array, hidden: number): boolean {
  if (hidden === 0) return true
  const end = 1 + hidden
  if (from.length < end || to.length < end) return false
  return compareBytes(from.subarray(0, end), to.subarray(0, end)) === 0
}
