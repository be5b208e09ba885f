import { expect, test } from 'vitest'
import { readMeta, startLife } from '../../../../gateway/store/meta.ts'
import { OperatorError } from '../../../../ports/operatorError.ts'
import { bytesToHex, utf8ToBytes } from '../../../../protocol/bytes.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

/** 16 times 1, then 16 times 2 and so on. */
function countingRandom() {
  let calls = 0
  return { bytes: (length: number) => new Uint8Array(length).fill(++calls) }
}

test('each start has a new life; the id stays', async () => {
  const disk = memoryDisk()
  const random = countingRandom()
  const first = await startLife(disk, random)
  const second = await startLife(disk, random)
  expect(first.starts).toBe(1)
  expect(first.earlierLives).toEqual([])
  expect(second.starts).toBe(2)
  expect(second.storeId).toEqual(first.storeId)
  expect(bytesToHex(second.life)).not.toBe(bytesToHex(first.life))
  expect(second.earlierLives).toEqual([first.life])
  expect(await readMeta(disk)).toEqual(second)
})

test('remembers the last 64 lives and counts all', async () => {
  const disk = memoryDisk()
  const random = countingRandom()
  for (let i = 0; i < 70; i++) await startLife(disk, random)
  const meta = await readMeta(disk)
  expect(meta?.starts).toBe(70)
  expect(meta?.earlierLives).toHaveLength(63)
})

test('a life that could not be made durable has not begun', async () => {
  const disk = memoryDisk()
  const random = countingRandom()
  const first = await startLife(disk, random)
  disk.fail({ operation: 'replace', code: 'ENOSPC' })
  await expect(startLife(disk, random)).rejects.toThrow('ENOSPC')
  expect(await readMeta(disk)).toEqual(first)
})

test('no store reads as none', async () => {
  expect(await readMeta(memoryDisk())).toBeUndefined()
})

test.each([
  ['{"format": 2, "future": true}', /newer version \(format 2.*upgrade/],
  ['{"format": 1, "storeId": "no"}', /store\.json of the store is damaged: restore/],
  ['not json', /damaged/],
  ['', /damaged/],
])('the file %j is refused in one line', async (content, message) => {
  const disk = memoryDisk()
  disk.put('store.json', utf8ToBytes(content))
  const starting = startLife(disk, countingRandom())
  await expect(starting).rejects.toThrow(OperatorError)
  await expect(starting).rejects.toThrow(message)
  expect(disk.bytes('store.json')).toEqual(utf8ToBytes(content))
})

test('a journal without its store file is not buried under a new store', async () => {
  const disk = memoryDisk()
  disk.put('journal/0000000000000001.seg', new Uint8Array(3))
  await expect(startLife(disk, countingRandom())).rejects.toThrow(/no store\.json/)
})
