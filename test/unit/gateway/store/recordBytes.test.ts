/** The journal's bytes on disk, beside a second writer of the format that record.ts describes. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openJournal } from '../../../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../../../gateway/store/limits.ts'
import type { Seal } from '../../../../gateway/store/record.ts'
import { fastSha256 } from '../../../../ledger/io/fastSha256.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

const sha256 = (...parts: readonly Uint8Array[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const uint = (value: number | bigint, width: number) =>
  Buffer.from(
    BigInt(value)
      .toString(16)
      .padStart(2 * width, '0'),
    'hex',
  )

const masked = (body: Uint8Array) => body.map((byte) => byte ^ 0x5a)
const masking: Seal = {
  keyId: 9,
  seal: (position, body) => Buffer.concat([uint(position, 8), masked(body)]),
  open: (_keyId, _position, sealed) => masked(sealed.subarray(8)),
}

/** One segment with a record for each list of entries. */
function segmentOf(records: readonly (readonly Uint8Array[])[], seal: Seal | undefined): Buffer {
  let previous: Uint8Array = new Uint8Array(32)
  let position = 1
  const written: Uint8Array[] = []
  for (const entries of records) {
    const plain = Buffer.concat(entries.flatMap((entry) => [uint(entry.length, 4), entry]))
    const body = seal ? seal.seal(BigInt(position), plain) : plain
    const keyId = seal ? 9 : 0
    const start = [uint(body.length, 4), Buffer.of(1, keyId), uint(position, 8), previous]
    const header = Buffer.concat([...start, sha256(...start).subarray(0, 8)])
    const hash = sha256(header, body)
    written.push(header, body, hash.subarray(0, 8))
    previous = hash
    position += entries.length
  }
  return Buffer.concat(written)
}

/** Entries of a flush in records of at most `bytesMax`. */
function split(entries: readonly Uint8Array[], bytesMax: number): readonly Uint8Array[][] {
  const records: Uint8Array[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const entry of entries) {
    bytes += 4 + entry.length
    if (bytes > bytesMax) {
      records.push([])
      bytes = 4 + entry.length
    }
    records.at(-1)?.push(entry)
  }
  return records
}

const entry = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.nat(40_000).map((length) => new Uint8Array(length).fill(length)),
)
const flushes = fc.array(fc.array(entry, { maxLength: 6 }), { minLength: 1, maxLength: 6 })

describe('the bytes of a journal', () => {
  test.each([
    ['one record a flush', 1 << 20, undefined],
    ['flushes of several records', 41_000, undefined],
    ['sealed records', 41_000, masking],
  ])('%s', async (_name, recordBytesMax, seal) => {
    await fc.assert(
      fc.asyncProperty(flushes, fc.boolean(), async (all, isFast) => {
        const disk = memoryDisk()
        const limits = { ...defaultJournalLimits, recordBytesMax }
        const hash = isFast ? fastSha256 : undefined
        const journal = await openJournal(disk, { limits, seal, hash })
        for (const entries of all) {
          // The journal may not count on what it was handed: callers use their buffers again.
          const buffer = new Uint8Array(40_000)
          for (const one of entries) {
            buffer.set(one)
            journal.append(buffer.subarray(0, one.length))
          }
          await journal.flush()
        }
        const expected = segmentOf(
          all.flatMap((one) => split(one, recordBytesMax)),
          seal,
        )
        const [path = ''] = disk.paths().filter((one) => one.endsWith('.seg'))
        expect(Buffer.compare(disk.bytes(path) ?? new Uint8Array(), expected)).toBe(0)
        const read: Uint8Array[] = []
        await openJournal(disk, { seal, hash, onEntry: ({ payload }) => read.push(payload) })
        const sizes = (some: readonly Uint8Array[]) => some.map(({ length }) => length)
        expect(sizes(read)).toEqual(sizes(all.flat()))
        expect(Buffer.compare(Buffer.concat(read), Buffer.concat(all.flat()))).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  test('what is appended during a flush is in the next record', async () => {
    const disk = memoryDisk()
    const journal = await openJournal(disk)
    const names = ['a', 'b', 'c'].map((name) => new TextEncoder().encode(name))
    const [a, b, c] = names as [Uint8Array, Uint8Array, Uint8Array]
    const release = disk.holdSyncs()
    journal.append(a)
    const first = journal.flush()
    await Promise.resolve()
    await Promise.resolve()
    journal.append(b)
    const second = journal.flush()
    journal.append(c)
    release()
    await Promise.all([first, second])
    await journal.flush()
    const [path = ''] = disk.paths().filter((one) => one.endsWith('.seg'))
    const bytes = Buffer.from(disk.bytes(path) ?? [])
    expect(bytes.equals(segmentOf([[a], [b, c]], undefined))).toBe(true)
  })
})
