/** How long journal segments stay, and what is said of those that were purged. */
import { describe, expect, test } from 'vitest'
import { encodeEvent } from '../../../../gateway/state/entries.ts'
import { journalSeal } from '../../../../gateway/store/box.ts'
import { createBox } from '../../../../gateway/store/io/aesBox.ts'
import { type Journal, openJournal } from '../../../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../../../gateway/store/limits.ts'
import { addPurge, PURGES_PATH, readPurges } from '../../../../gateway/store/purges.ts'
import type { Seal } from '../../../../gateway/store/record.ts'
import { createSegmentTimes, retainingJournal } from '../../../../gateway/store/retention.ts'
import { newRing } from '../../../../gateway/store/ring.ts'
import { parseSegmentName } from '../../../../gateway/store/segment.ts'
import { verifyJournal } from '../../../../gateway/store/verifyJournal.ts'
import { fastSha256 } from '../../../../ledger/io/fastVerify.ts'
import { nodeRandom } from '../../../../ports/io/node.ts'
import { present } from '../../../../protocol/assert.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { type MemoryDisk, memoryDisk } from '../../../support/memoryDisk.ts'

const genesis = new Uint8Array(32)
const seals: readonly (readonly [string, Seal | undefined])[] = [
  ['a plain journal', undefined],
  ['a sealed journal', journalSeal(createBox(newRing(nodeRandom), 'journal'))],
]

/** One entry a segment, at 100, 200, ... 800 seconds: position 1 at 100, and so on. */
async function eightSegments(seal: Seal | undefined): Promise<[MemoryDisk, Journal]> {
  const disk = memoryDisk()
  const limits = { ...defaultJournalLimits, segmentBytes: 1 }
  const journal = await openJournal(disk, { genesis, seal, hash: fastSha256, limits })
  for (let i = 1; i <= 8; i++) {
    journal.append(encodeEvent(100 * i, { kind: 'closed', channel: 0 }))
    await journal.flush()
  }
  return [disk, journal]
}

function positionsIn(disk: MemoryDisk): readonly number[] {
  const firsts = disk.paths().map((path) => parseSegmentName(path.replace('journal/', '')))
  return firsts.filter((first) => first !== undefined).map(Number)
}

describe.each(seals)('%s', (_, seal) => {
  test.each([
    [99, 1],
    [199, 1],
    [200, 2],
    [499, 4],
    [500, 5],
    [9_999, 8],
  ])('keeps what is younger than second %i: from position %i on', async (seconds, position) => {
    const [disk] = await eightSegments(seal)
    const times = createSegmentTimes(disk, seal, fastSha256)
    expect(await times.keptFrom(seconds)).toBe(BigInt(position))
    expect(await times.keptFrom(seconds)).toBe(BigInt(position))
  })

  test('drops no segment that is too young, whatever a snapshot allows', async () => {
    const [disk, journal] = await eightSegments(seal)
    let oldest = 350
    const times = createSegmentTimes(disk, seal, fastSha256)
    const retaining = retainingJournal(journal, times, () => oldest)
    await retaining.dropBefore(8n)
    expect(positionsIn(disk)).toEqual([3, 4, 5, 6, 7, 8])
    oldest = 700
    await retaining.dropBefore(5n)
    expect(positionsIn(disk)).toEqual([5, 6, 7, 8])
    await retaining.dropBefore(8n)
    expect(positionsIn(disk)).toEqual([7, 8])
    oldest = 0
    await retaining.dropBefore(8n)
    expect(positionsIn(disk)).toEqual([7, 8])
  })
})

describe('a purge', () => {
  const check = { genesis, seal: undefined, hash: fastSha256 }

  async function purged() {
    const [disk, journal] = await eightSegments(undefined)
    for (const [position, atSeconds] of [[3n, 1_000] as const, [6n, 2_000] as const]) {
      await journal.dropBefore(position)
      const head = present(journal.droppedHeads().at(-1), 'a head')
      await addPurge(disk, { atSeconds, head }, fastSha256)
    }
    return { disk, journal }
  }

  // T73
  test('leaves a chain that is whole, and says what is gone since when', async () => {
    const { disk, journal } = await purged()
    const verdict = await verifyJournal(disk, { ...check, published: journal.droppedHeads() })
    expect(verdict).toMatchObject({ fault: undefined, droppedTo: 5n, head: { position: 8n } })
    expect(verdict.purges.map(({ atSeconds, head }) => [atSeconds, head.position])).toEqual([
      [1_000, 2n],
      [2_000, 5n],
    ])
  })

  test('that was altered or left out of the list is found', async () => {
    const { disk } = await purged()
    const text = new TextDecoder().decode(disk.bytes(PURGES_PATH))
    const [first = '', second = ''] = text.split('\n')
    const forms = [
      text.replace('1000', '1001'),
      text.replace(' 2 ', ' 1 '),
      `${second}\n`,
      `${second}\n${first}\n`,
      text.trimEnd(),
      text.replace(' 5 ', ' 4 '),
    ]
    for (const form of forms) {
      disk.put(PURGES_PATH, utf8ToBytes(form))
      expect((await verifyJournal(disk, check)).fault, form).toBeDefined()
    }
    disk.put(PURGES_PATH, utf8ToBytes(text))
    expect(await readPurges(disk, fastSha256)).toHaveLength(2)
  })
})
