import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openJournal } from '../../../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../../../gateway/store/limits.ts'
import { startLife } from '../../../../gateway/store/meta.ts'
import { readNewestSnapshot, writeSnapshot } from '../../../../gateway/store/snapshot.ts'
import { nodeDisk } from '../../../../ports/io/disk.ts'
import { nodeRandom } from '../../../../ports/io/node.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-store-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

async function reopen(after = 0n) {
  const texts: string[] = []
  const journal = await openJournal(await nodeDisk(folder), {
    after,
    limits: { ...defaultJournalLimits, segmentBytes: 200 },
    onEntry: ({ payload }) => texts.push(new TextDecoder().decode(payload)),
  })
  return { journal, texts }
}

test('journal, snapshot and store file work on real files', async () => {
  const disk = await nodeDisk(folder)
  await startLife(disk, nodeRandom)
  const { journal } = await reopen()
  for (const word of 'abcdefgh') {
    journal.append(utf8ToBytes(word))
    await journal.flush()
  }
  await writeSnapshot(disk, { position: 4n, state: utf8ToBytes('abcd') })
  await journal.dropBefore(await writeSnapshot(disk, { position: 5n, state: utf8ToBytes('abcde') }))
  expect(journal.spaceLow()).toBe(false)
  await journal.close()
  const { snapshot } = await readNewestSnapshot(disk)
  expect(snapshot?.position).toBe(5n)
  expect((await reopen(snapshot?.position)).texts).toEqual(['f', 'g', 'h'])
  expect((await startLife(disk, nodeRandom)).starts).toBe(2)
})

test('a torn tail is cut off the real file, and writing goes on there', async () => {
  const { journal } = await reopen()
  journal.append(utf8ToBytes('a'))
  await journal.flush()
  await journal.close()
  const path = join(folder, 'journal', '0000000000000001.seg')
  const whole = await readFile(path)
  await writeFile(path, Buffer.concat([whole, whole.subarray(0, 30)]))
  const again = await reopen()
  expect(await readFile(path)).toEqual(whole)
  again.journal.append(utf8ToBytes('b'))
  await again.journal.close()
  expect((await reopen()).texts).toEqual(['a', 'b'])
  await truncate(path, 10)
  expect((await reopen()).texts).toEqual([])
})
