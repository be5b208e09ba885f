import { describe, expect, it } from 'vitest'
import { fastSha256 } from '../../../ledger/io/fastSha256.ts'
import { createHashTable } from '../../../ledger/io/hashTable.ts'
import { VERIFIED_SIGNATURES_MAX } from '../../../ledger/limits.ts'

const PAGE_BYTES = 4_096

function hashOf(number: number): Uint8Array {
  return fastSha256(Uint8Array.of(number >>> 16, (number >>> 8) & 0xff, number & 0xff))
}

/** A table and how many bytes of its memory the system had to give, by whole pages. */
function watched(hashesMax: number) {
  const buffers: ArrayBuffer[] = []
  const table = createHashTable(hashesMax, (bytes) => {
    const buffer = new ArrayBuffer(bytes)
    buffers.push(buffer)
    return buffer
  })
  const usedBytes = () =>
    buffers.flatMap(pagesOf).filter((page) => page.some((byte) => byte !== 0)).length * PAGE_BYTES
  return { ...table, usedBytes }
}

function pagesOf(buffer: ArrayBuffer): readonly Uint8Array[] {
  const count = Math.ceil(buffer.byteLength / PAGE_BYTES)
  return Array.from({ length: count }, (_, page) => {
    const at = page * PAGE_BYTES
    return new Uint8Array(buffer, at, Math.min(PAGE_BYTES, buffer.byteLength - at))
  })
}

describe('a table of hashes', () => {
  it('takes memory for what is in it, and a little for where it is', () => {
    const { add, usedBytes } = watched(VERIFIED_SIGNATURES_MAX)
    expect(usedBytes()).toBe(0)
    for (let number = 0; number < 8_000; number++) add(hashOf(number))
    const indexBytes = VERIFIED_SIGNATURES_MAX * 4 + VERIFIED_SIGNATURES_MAX / 8
    expect(usedBytes()).toBeLessThanOrEqual(8_000 * 32 + indexBytes + 3 * PAGE_BYTES)
  })

  it('takes no more once it is full, and has the newest in any case', () => {
    const hashes = Array.from({ length: 4_096 }, (_, number) => hashOf(number))
    const { add, has, usedBytes } = watched(1_024)
    for (const hash of hashes.slice(0, 2_048)) add(hash)
    const before = usedBytes()
    for (const hash of hashes.slice(2_048)) {
      add(hash)
      expect(has(hash)).toBe(true)
    }
    expect(usedBytes()).toBe(before)
    const found = hashes.filter((hash) => has(hash))
    expect(found.length).toBeLessThanOrEqual(1_024)
    // Some of the index has made room before the ring did.
    expect(hashes.slice(-1_024).filter((hash) => has(hash)).length).toBeGreaterThan(700)
  })

  it('has nothing that was not added', () => {
    const { add, has } = watched(1_024)
    for (let number = 0; number < 3_000; number++) add(hashOf(number))
    for (let number = 3_000; number < 6_000; number++) expect(has(hashOf(number))).toBe(false)
  })
})
