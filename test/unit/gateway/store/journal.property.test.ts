import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Journal } from '../../../../gateway/store/journal.ts'
import { openJournal } from '../../../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../../../gateway/store/limits.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'

/** What a gateway and its machine can do to a journal, in any order. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append'), size: fc.nat(120) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('flush'), size: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen'), size: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash'), size: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crashInFlush'), size: fc.nat(200) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop'), size: fc.nat(40) }) },
)

const limits = { ...defaultJournalLimits, segmentBytes: 400, recordBytesMax: 300 }

/** A journal on a disk, and what it has to hold. */
function world() {
  const disk = memoryDisk()
  const durable: Uint8Array[] = []
  let unsure: Uint8Array[] = []
  let droppedTo = 0
  let journal: Journal | undefined

  const open = async (): Promise<Journal> => {
    const read: Uint8Array[] = []
    journal = await openJournal(disk, {
      limits,
      after: BigInt(droppedTo),
      onEntry: ({ payload }) => read.push(payload),
    })
    // A torn flush may have reached the disk in part, but never anything that was not appended.
    const known = [...durable, ...unsure]
    const position = Number(journal.head().position)
    expect(position).toBeGreaterThanOrEqual(durable.length)
    expect(read).toEqual(known.slice(droppedTo, position))
    durable.push(...unsure.slice(0, position - durable.length))
    unsure = []
    return journal
  }
  const steps: Record<string, (size: number) => Promise<void>> = {
    append: async (size) => {
      const payload = new Uint8Array(size).fill(unsure.length + 1)
      const position = (journal ?? (await open())).append(payload)
      unsure.push(payload)
      expect(position).toBe(BigInt(durable.length + unsure.length))
    },
    flush: async () => {
      await journal?.flush()
      durable.push(...unsure.splice(0))
    },
    reopen: async () => {
      await journal?.close()
      durable.push(...unsure.splice(0))
      await open()
    },
    crash: async (tornBytes) => {
      disk.crash(tornBytes)
      await open()
    },
    crashInFlush: async (tornBytes) => {
      const release = disk.holdSyncs()
      const flushed = journal?.flush().catch(() => {})
      await Promise.resolve()
      disk.crash(tornBytes)
      release()
      await flushed
      await open()
    },
    drop: async (position) => {
      const allowed = Math.min(position, durable.length)
      await journal?.dropBefore(BigInt(allowed))
      droppedTo = Math.max(droppedTo, allowed)
    },
  }
  return { open, steps }
}

// T50
test('a journal holds exactly what was flushed, through every crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (script) => {
      const { open, steps } = world()
      await open()
      for (const { kind, size } of script) await steps[kind]?.(size)
      await open()
    }),
    { numRuns: 300 },
  )
})
