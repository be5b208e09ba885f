import { describe, expect, test } from 'vitest'
import { OperatorError } from '../../../../ports/operatorError.ts'
import { bytesToHex, utf8ToBytes } from '../../../../protocol/bytes.ts'
import { errorOf, firstSegment, reopen, smallSegments, write } from '../../../support/journals.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

describe('dropping segments', () => {
  async function filled() {
    const disk = memoryDisk()
    const { journal } = await reopen(disk, { limits: smallSegments })
    await write(journal, ...'abcdefghij')
    return { disk, journal, segments: disk.paths() }
  }

  test('keeps the segment of the position, all after it, and the heads of the rest', async () => {
    const { disk, journal, segments } = await filled()
    await journal.dropBefore(6n)
    const left = disk.paths().filter((path) => path.endsWith('.seg'))
    expect(left.length).toBeLessThan(segments.length)
    expect(left).toEqual(segments.slice(segments.length - left.length))
    expect(journal.droppedHeads()).toHaveLength(segments.length - left.length)
    const again = await reopen(disk, { after: 5n })
    expect(again.texts).toEqual(['f', 'g', 'h', 'i', 'j'])
    expect(again.journal.droppedHeads()).toEqual(journal.droppedHeads())
  })

  test('never drops the segment being written', async () => {
    const { disk, journal } = await filled()
    await journal.dropBefore(1_000n)
    await write(journal, 'k')
    expect((await reopen(disk)).texts.at(-1)).toBe('k')
  })

  test('works for segments that this run has not read', async () => {
    const { disk, journal: writer } = await filled()
    const { journal } = await reopen(disk, { after: 10n, limits: smallSegments })
    await journal.dropBefore(10n)
    await writer.dropBefore(10n)
    expect(journal.droppedHeads()).toEqual(writer.droppedHeads())
  })

  test('that a crash interrupted is finished at the next start', async () => {
    const { disk, journal, segments } = await filled()
    disk.fail({ operation: 'remove', code: 'EIO', path: segments[1] ?? '' })
    await errorOf(journal.dropBefore(10n))
    const again = await reopen(disk, { after: 9n })
    expect(again.texts).toEqual(['j'])
    const left = disk.paths().filter((path) => path.endsWith('.seg'))
    expect(left).toEqual(segments.slice(segments.length - left.length))
  })

  test('is remembered: what is left does not pass for a whole journal', async () => {
    const { disk, journal } = await filled()
    await journal.dropBefore(10n)
    disk.put('journal/heads', new Uint8Array(0))
    expect((await errorOf(reopen(disk))).message).toContain(`${firstSegment} is missing`)
    disk.put('journal/heads', utf8ToBytes('no heads\n'))
    expect((await errorOf(reopen(disk))).message).toContain('journal/heads of the store is damaged')
  })
})

describe('a sealed journal', () => {
  const keyed = (keyId: number) => ({
    keyId,
    seal: (position: bigint, body: Uint8Array) =>
      body.map((byte) => byte ^ keyId ^ Number(position)),
    open: (id: number, position: bigint, sealed: Uint8Array) =>
      id === keyId ? sealed.map((byte) => byte ^ keyId ^ Number(position)) : undefined,
  })

  test('reads back with its key and refuses without', async () => {
    const disk = memoryDisk()
    await write((await reopen(disk, { seal: keyed(7) })).journal, 'secret')
    expect(bytesToHex(disk.bytes(firstSegment) ?? new Uint8Array(0))).not.toContain(
      bytesToHex(utf8ToBytes('secret')),
    )
    expect((await reopen(disk, { seal: keyed(7) })).texts).toEqual(['secret'])
    for (const seal of [undefined, keyed(8)]) {
      const error = await errorOf(reopen(disk, { seal }))
      expect(error).toBeInstanceOf(OperatorError)
      expect(error.message).toContain('sealed with key 7')
    }
  })
})
