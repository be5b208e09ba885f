/**
 * A set of hashes that is bounded and takes memory only as it fills. The system gives memory by
 * the page: hashes spread over the whole of a table would take a page of 4 KiB each until all of
 * it is in use, and a process would grow for hours after its start. So they lie one behind another
 * in a ring, and only the small index to them is spread.
 * @module
 */
import { assert } from '../../protocol/assert.ts'

export const HASH_BYTES = 32
/** A hash may be in any of so many places of the index; the oldest of them makes room. */
const WAYS = 8
const INDEX_BYTES = 4

export type HashTable = {
  readonly has: (hash: Uint8Array) => boolean
  /** Adds a hash that is not there; the oldest makes room. */
  readonly add: (hash: Uint8Array) => void
}

/** Room for about `hashesMax` hashes. Their bytes are evenly spread: they are those of SHA-256. */
export function createHashTable(
  hashesMax: number,
  allocate: (bytes: number) => ArrayBuffer = (bytes) => new ArrayBuffer(bytes),
): HashTable {
  const buckets = Math.floor(hashesMax / WAYS)
  assert(buckets >= 1, 'there is room for the places of one hash')
  const count = buckets * WAYS
  const ring = new Uint8Array(allocate(count * HASH_BYTES))
  /** Places in the ring, from 1. What has made room there stays, and finds another hash. */
  const index = new Uint32Array(allocate(count * INDEX_BYTES))
  const nextWay = new Uint8Array(allocate(buckets))
  let nextPlace = 0
  const bucketOf = (hash: Uint8Array) => {
    const [a = 0, b = 0, c = 0, d = 0] = hash
    return (((a << 24) | (b << 16) | (c << 8) | d) >>> 0) % buckets
  }
  return {
    has: (hash) => {
      const start = bucketOf(hash) * WAYS
      for (let way = 0; way < WAYS; way++) {
        const place = index[start + way] ?? 0
        if (place > 0 && holds(ring, (place - 1) * HASH_BYTES, hash)) return true
      }
      return false
    },
    add: (hash) => {
      const bucket = bucketOf(hash)
      const way = nextWay[bucket] ?? 0
      nextWay[bucket] = (way + 1) % WAYS
      ring.set(hash, nextPlace * HASH_BYTES)
      index[bucket * WAYS + way] = nextPlace + 1
      nextPlace = (nextPlace + 1) % count
    },
  }
}

function holds(ring: Uint8Array, at: number, hash: Uint8Array): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (ring[at + i] !== hash[i]) return false
  return true
}
