import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../../../ports/operatorError.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { errorOf, firstSegment, reopen, smallSegments, write } from '../../../support/journals.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

describe('appending and reading back', () => {
  test('entries come back in order with their positions', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    expect(journal.append(utf8ToBytes('a'))).toBe(1n)
    expect(journal.append(utf8ToBytes('b'))).toBe(2n)
    expect(journal.head().position).toBe(0n)
    expect(await journal.flush()).toBe(2n)
    await write(journal, 'c')
    const again = await reopen(disk)
    expect(again.entries).toEqual([
      [1n, 'a'],
      [2n, 'b'],
      [3n, 'c'],
    ])
    expect(again.journal.head()).toEqual(journal.head())
  })

  test('one flush is one write and one sync, however many entries', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    const { append, sync } = disk.calls
    for (let i = 0; i < 50; i++) journal.append(utf8ToBytes(`entry ${i}`))
    await journal.flush()
    expect([disk.calls.append - append, disk.calls.sync - sync]).toEqual([1, 1])
  })

  test('a flush waits for the one before it and takes what was appended meanwhile', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    const release = disk.holdSyncs()
    journal.append(utf8ToBytes('a'))
    const first = journal.flush()
    await Promise.resolve()
    journal.append(utf8ToBytes('b'))
    const second = journal.flush()
    release()
    expect([await first, await second]).toEqual([1n, 2n])
  })

  test('the payload may be changed by its owner after append', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    const payload = Buffer.from('before')
    journal.append(payload)
    payload.fill(0)
    await journal.flush()
    expect((await reopen(disk)).texts).toEqual(['before'])
  })

  test('replay starts after the position asked for', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk, { limits: smallSegments })
    await write(journal, ...'abcdefghij')
    const again = await reopen(disk, { after: 7n })
    expect(again.texts).toEqual(['h', 'i', 'j'])
    expect(again.journal.head()).toEqual(journal.head())
    const atEnd = await reopen(disk, { after: 10n })
    expect(atEnd.journal.head()).toEqual(journal.head())
  })

  test('a snapshot ahead of the journal means that its end is missing', async () => {
    const disk = memoryDisk()
    await write((await reopen(disk)).journal, 'a')
    const error = await errorOf(reopen(disk, { after: 2n }))
    expect(error).toBeInstanceOf(OperatorError)
    expect(error.message).toContain('ends at position 1')
  })
})

describe('a crash', () => {
  test('drops what was not flushed and keeps what was', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    await write(journal, 'a', 'b')
    const release = disk.holdSyncs()
    journal.append(utf8ToBytes('c'))
    const lost = errorOf(journal.flush())
    await Promise.resolve()
    disk.crash()
    release()
    expect((await lost).message).toContain('EBADF')
    const again = await reopen(disk)
    expect(again.texts).toEqual(['a', 'b'])
    await write(again.journal, 'd')
    expect((await reopen(disk)).entries).toEqual([
      [1n, 'a'],
      [2n, 'b'],
      [3n, 'd'],
    ])
  })

  // T50
  test('at every byte of a segment leaves the records before it', async () => {
    const source = memoryDisk()
    const { journal } = await reopen(source)
    const ends: number[] = [0]
    const words = ['one', 'two', 'three', 'four']
    for (const word of words) {
      await write(journal, word)
      ends.push(source.bytes(firstSegment)?.length ?? 0)
    }
    const whole = source.bytes(firstSegment) ?? new Uint8Array(0)
    for (let length = 0; length <= whole.length; length++) {
      const disk = memoryDisk()
      disk.put(firstSegment, whole.slice(0, length))
      const kept = words.filter((_, index) => (ends[index + 1] ?? 0) <= length)
      const again = await reopen(disk)
      expect(again.texts).toEqual(kept)
      await write(again.journal, 'next')
      expect((await reopen(disk)).texts).toEqual([...kept, 'next'])
    }
  })

  test('that left a hole of zeros at the end is a torn write', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    await write(journal, 'a')
    const end = disk.bytes(firstSegment)?.length ?? 0
    await write(journal, 'b'.repeat(2_000))
    const bytes = disk.bytes(firstSegment) ?? new Uint8Array(0)
    disk.put(firstSegment, bytes.fill(0, 512))
    expect((await reopen(disk)).texts).toEqual(['a'])
    expect(disk.bytes(firstSegment)?.length).toBe(end)
  })

  test('that left zeros where the last record starts is a torn write', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    await write(journal, 'a')
    const end = disk.bytes(firstSegment)?.length ?? 0
    await write(journal, 'b'.repeat(2_000))
    const bytes = disk.bytes(firstSegment) ?? new Uint8Array(0)
    disk.put(firstSegment, bytes.fill(0, end, 512))
    expect((await reopen(disk)).texts).toEqual(['a'])
  })

  test('right after a rotation leaves an empty segment that is used', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk, { limits: { ...smallSegments, segmentBytes: 1 } })
    await write(journal, 'a')
    disk.put('journal/0000000000000002.seg', new Uint8Array(0))
    for (const after of [0n, 1n]) {
      const again = await reopen(disk, { after })
      expect(again.journal.head()).toEqual(journal.head())
      expect(again.texts).toEqual(after === 0n ? ['a'] : [])
    }
    const again = await reopen(disk, { after: 1n })
    await write(again.journal, 'b')
    expect((await reopen(disk)).texts).toEqual(['a', 'b'])
  })
})

describe('a damaged disk', () => {
  // T53
  test('every flipped bit is detected, and located', async () => {
    const source = memoryDisk()
    const { journal } = await reopen(source, { limits: smallSegments })
    await write(journal, 'one', 'two', 'three', 'four', 'five', 'six')
    const paths = source.paths()
    expect(paths.length).toBeGreaterThan(1)
    for (const path of paths) {
      const bits = 8 * (source.bytes(path)?.length ?? 0)
      for (let bit = 0; bit < bits; bit++) {
        source.flipBit(path, bit)
        const error = await errorOf(reopen(source))
        expect(error).toBeInstanceOf(OperatorError)
        expect(error.message).toMatch(new RegExp(`^${path} is damaged: the record at byte \\d+ `))
        source.flipBit(path, bit)
      }
    }
    expect((await reopen(source)).texts).toHaveLength(6)
  })

  test('zeros over a record that has others after it are damage, not a torn write', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    await write(journal, 'a')
    const end = disk.bytes(firstSegment)?.length ?? 0
    await write(journal, 'b', 'c')
    const bytes = disk.bytes(firstSegment) ?? new Uint8Array(0)
    disk.put(firstSegment, bytes.fill(0, end, end + 60))
    expect((await errorOf(reopen(disk))).message).toContain(`byte ${end} `)
  })

  test('a segment cut short in the middle of the journal is named', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk, { limits: smallSegments })
    await write(journal, ...'abcdef')
    const bytes = disk.bytes(firstSegment) ?? new Uint8Array(0)
    disk.put(firstSegment, bytes.slice(0, -1))
    expect((await errorOf(reopen(disk))).message).toMatch(/^journal\/0{15}1\.seg .* is cut short/)
  })

  test('a missing segment is named, wherever it was', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk, { limits: smallSegments })
    await write(journal, ...'abcdefghij')
    const paths = disk.paths()
    expect(paths.length).toBeGreaterThan(2)
    for (const path of paths.slice(0, -1)) {
      const bytes = disk.bytes(path) ?? new Uint8Array(0)
      await disk.remove(path)
      expect((await errorOf(reopen(disk))).message).toContain(`${path} is missing`)
      disk.put(path, bytes)
    }
  })

  // T71
  test('records of another journal do not fit in', async () => {
    const [ours, theirs] = [memoryDisk(), memoryDisk()]
    for (const [disk, word] of [
      [ours, 'a'],
      [theirs, 'b'],
    ] as const) {
      const { journal } = await reopen(disk, { limits: { ...smallSegments, segmentBytes: 1 } })
      await write(journal, word, 'same')
    }
    const second = 'journal/0000000000000002.seg'
    ours.put(second, theirs.bytes(second) ?? new Uint8Array(0))
    expect((await errorOf(reopen(ours))).message).toContain('does not follow')
    expect(
      (await errorOf(reopen(theirs, { genesis: new Uint8Array(32).fill(1) }))).message,
    ).toContain('does not follow')
  })

  test('a record of a newer version asks for an upgrade', async () => {
    const disk = memoryDisk()
    await write((await reopen(disk)).journal, 'a')
    disk.put(firstSegment, withVersion(disk.bytes(firstSegment) ?? new Uint8Array(0), 2))
    const error = await errorOf(reopen(disk))
    expect(error).toBeInstanceOf(OperatorError)
    expect(error.message).toMatch(/newer version.*upgrade/)
  })
})

/** The same record under another version, its header check made good again. */
function withVersion(bytes: Uint8Array, version: number): Uint8Array {
  const changed = bytes.slice()
  changed[4] = version
  const hash = createHash('sha256').update(changed.subarray(0, 46)).digest()
  changed.set(hash.subarray(0, 8), 46)
  return changed
}

describe('a failing disk', () => {
  test.each([
    ['sync', 'EIO'],
    ['append', 'EIO'],
    ['append', 'ENOSPC'],
  ] as const)(
    'after a failed %s (%s) every call fails with the same error',
    async (operation, code) => {
      const disk = memoryDisk()
      const { journal } = await reopen(disk)
      await write(journal, 'a')
      disk.fail({ operation, code })
      journal.append(utf8ToBytes('b'))
      const error = await errorOf(journal.flush())
      expect(error.message).toContain(code)
      expect(() => journal.append(utf8ToBytes('c'))).toThrow(error)
      for (const call of [journal.flush, () => journal.dropBefore(1n), journal.close]) {
        expect(await errorOf(call())).toBe(error)
      }
      expect(journal.head().position).toBe(1n)
      disk.crash()
      expect((await reopen(disk)).texts).toEqual(['a'])
    },
  )

  test('a disk that fills up in the middle of a write loses only that write', async () => {
    const disk = memoryDisk()
    const { journal } = await reopen(disk)
    await write(journal, 'a')
    disk.setCapacity((disk.bytes(firstSegment)?.length ?? 0) + 40)
    journal.append(utf8ToBytes('b'))
    expect((await errorOf(journal.flush())).message).toContain('ENOSPC')
    disk.setCapacity(1_000_000)
    expect((await reopen(disk)).texts).toEqual(['a'])
  })

  test('little free space is told at open and at each new segment', async () => {
    const disk = memoryDisk()
    disk.setFreeShare(0.04)
    expect((await reopen(disk)).journal.spaceLow()).toBe(true)
    disk.setFreeShare(0.06)
    const { journal } = await reopen(disk, { limits: { ...smallSegments, segmentBytes: 1 } })
    await write(journal, 'a')
    expect(journal.spaceLow()).toBe(false)
    disk.setFreeShare(0.04)
    await write(journal, 'b')
    expect(journal.spaceLow()).toBe(true)
    disk.setFreeShare(0.06)
    expect(await journal.checkSpace()).toBe(false)
    expect(journal.spaceLow()).toBe(false)
  })
})
