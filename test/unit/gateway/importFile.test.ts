/** Reading a file of channels, whole or not. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BATCH_RECORDS } from '../../../gateway/import/importer.ts'
import { readBatches } from '../../../gateway/import/io/importFile.ts'
import { importMark } from '../../../gateway/import/records.ts'
import { bigEndian, concatBytes } from '../../../protocol/bytes.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-import-'))
})

afterAll(() => rm(folder, { recursive: true }))

const body = (number: number) => new Uint8Array(700 + (number % 90)).fill(number)
const framed = (bytes: Uint8Array) => concatBytes(bigEndian(BigInt(bytes.length), 4), bytes)

async function read(bytes: Uint8Array) {
  const file = join(folder, 'channels.tpci')
  await writeFile(file, bytes)
  const firsts: number[] = []
  const bodies: Uint8Array[] = []
  for await (const batch of readBatches(file)) {
    firsts.push(batch.first)
    bodies.push(...batch.bodies)
  }
  return { firsts, bodies }
}

test('a file gives its records in order and in batches, wherever it is read in two', async () => {
  // More than two of the pieces in which it is read.
  const all = Array.from({ length: BATCH_RECORDS + 1_000 }, (_, number) => body(number))
  const { firsts, bodies } = await read(concatBytes(importMark, ...all.map(framed)))
  expect(firsts).toEqual([1, BATCH_RECORDS + 1])
  expect(bodies.map(({ length }) => length)).toEqual(all.map(({ length }) => length))
  expect(Buffer.concat(bodies).equals(Buffer.concat(all))).toBe(true)
})

test('a file without records is an import of nothing', async () => {
  expect(await read(importMark)).toEqual({ firsts: [], bodies: [] })
})

const whole = concatBytes(importMark, framed(body(1)), framed(body(2)))

test.each([
  ['that is empty', new Uint8Array(0), 'no file of channels'],
  ['of another kind', concatBytes(new Uint8Array([9]), whole), 'no file of channels'],
  ['of a newer format', whole.with(4, 2), 'no file of channels'],
  ['cut short', whole.subarray(0, -1), 'the record at byte 710 is cut short'],
  ['cut within a length', whole.subarray(0, 712), 'the record at byte 710 is cut short'],
  [
    'with a record that is too long',
    concatBytes(whole, bigEndian(4_097n, 4)),
    'the record at byte 1416 has 4097 bytes',
  ],
  ['with an empty record', concatBytes(whole, bigEndian(0n, 4)), 'has 0 bytes'],
])('a file %s is refused', async (_what, bytes, why) => {
  await expect(read(bytes)).rejects.toThrow(why)
})

test('a file that is not there is named by what to do', async () => {
  const gone = readBatches(join(folder, 'gone.tpci'))[Symbol.asyncIterator]()
  await expect(gone.next()).rejects.toThrow('cannot be read (ENOENT): check the path')
})
