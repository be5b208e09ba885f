/** A journal whose process ended with a failed sync, opened by another on the same machine. */
import { expect, test } from 'vitest'
import { openJournal } from '../../../../gateway/store/journal.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('what a failed sync left in memory is written anew before anything builds on it', async () => {
  const disk = memoryDisk()
  const first = await openJournal(disk)
  first.append(bytes('one'))
  await first.flush()
  first.append(bytes('two'))
  disk.fail({ operation: 'sync', code: 'EIO' })
  await expect(first.flush()).rejects.toThrow('EIO')
  // The kernel shows the bytes to whoever reads, calls them clean, and the disk has never had them.
  const second = await openJournal(disk)
  second.append(bytes('three'))
  const acknowledged = await second.flush()
  disk.crash()
  const third = await openJournal(disk)
  expect(third.head().position).toBeGreaterThanOrEqual(acknowledged)
})
