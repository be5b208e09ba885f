/** Scrubbing: every altered byte of a journal is found and located; what a store says agrees. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readGatewayConfig } from '../../../../cli/io/gatewayCalls.ts'
import { openGateway } from '../../../../gateway/io/openGateway.ts'
import { openDatabase } from '../../../../gateway/io/storeFolder.ts'
import { journalSeal } from '../../../../gateway/store/box.ts'
import type { Head } from '../../../../gateway/store/heads.ts'
import { createBox } from '../../../../gateway/store/io/aesBox.ts'
import { openJournal } from '../../../../gateway/store/journal.ts'
import { defaultJournalLimits } from '../../../../gateway/store/limits.ts'
import type { Seal } from '../../../../gateway/store/record.ts'
import { newRing } from '../../../../gateway/store/ring.ts'
import { parseSegmentName, readSegment } from '../../../../gateway/store/segment.ts'
import { readSnapshots, writeSnapshot } from '../../../../gateway/store/snapshot.ts'
import type { JournalVerdict } from '../../../../gateway/store/verifyJournal.ts'
import { verifyJournal } from '../../../../gateway/store/verifyJournal.ts'
import { fastSha256 } from '../../../../ledger/io/fastVerify.ts'
import { nodeDisk } from '../../../../ports/io/disk.ts'
import { nodePorts, nodeRandom } from '../../../../ports/io/node.ts'
import { present } from '../../../../protocol/assert.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { type MemoryDisk, memoryDisk } from '../../../support/memoryDisk.ts'
import type { StoreSite } from '../../../support/storeSite.ts'
import { createStoreSite } from '../../../support/storeSite.ts'

const genesis = fastSha256(utf8ToBytes('a store'))

const seals: readonly (readonly [string, Seal | undefined])[] = [
  ['a plain journal', undefined],
  ['a sealed journal', journalSeal(createBox(newRing(nodeRandom), 'journal'))],
]

describe.each(seals)('%s', (_, seal) => {
  let disk: MemoryDisk
  let heads: Head[]
  let dropped: readonly Head[]

  /** Records of one to three entries, in several segments, the first of them dropped. */
  beforeAll(async () => {
    disk = memoryDisk()
    heads = []
    const limits = { ...defaultJournalLimits, segmentBytes: 420 }
    const journal = await openJournal(disk, { genesis, seal, hash: fastSha256, limits })
    for (let record = 0; record < 14; record++) {
      for (let i = 0; i <= record % 3; i++) journal.append(utf8ToBytes(`entry ${record} ${i}`))
      await journal.flush()
      heads.push(journal.head())
    }
    await journal.dropBefore(9n)
    dropped = journal.droppedHeads()
    await journal.close()
  })

  const verify = (published?: readonly Head[]): Promise<JournalVerdict> =>
    verifyJournal(disk, { genesis, seal, hash: fastSha256, ...(published ? { published } : {}) })

  const segments = () =>
    disk.paths().filter((path) => parseSegmentName(path.slice('journal/'.length)) !== undefined)

  /** Where each record of a segment begins, with its position. */
  function recordsIn(path: string): readonly { offset: number; position: bigint }[] {
    const found: { offset: number; position: bigint }[] = []
    readSegment(present(disk.bytes(path), path), undefined, ({ offset, header }) => {
      found.push({ offset, position: header.position })
    })
    return found
  }

  test('is sound as it was written, and its head is the last one', async () => {
    const verdict = await verify([...dropped, ...heads.slice(-4)])
    expect(verdict.fault).toBeUndefined()
    expect(verdict.head).toEqual(heads.at(-1))
    expect(verdict.segments).toBe(segments().length)
    expect(verdict.segments).toBeGreaterThan(2)
    expect(verdict.droppedTo).toBeGreaterThan(0n)
  })

  // T71
  test('(!) every altered byte is found, and the record it is in is named', async () => {
    for (const path of segments()) {
      const whole = present(disk.bytes(path), path).slice()
      const records = recordsIn(path)
      for (let at = 0; at < whole.length; at++) {
        const altered = whole.slice()
        altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8))
        disk.put(path, altered)
        const { fault, head } = await verify()
        const record = present(
          records.findLast(({ offset }) => offset <= at),
          'a record',
        )
        expect({ at, fault }).toMatchObject({ fault: { segment: path, ...record } })
        expect(head.position).toBe(record.position - 1n)
      }
      disk.put(path, whole)
    }
  })

  test('(!) an end that was cut off is found with a head that was published', async () => {
    const path = present(segments().at(-1), 'a segment')
    const whole = present(disk.bytes(path), path).slice()
    const last = present(heads.at(-1), 'a head')
    for (let length = 0; length < whole.length; length++) {
      disk.put(path, whole.slice(0, length))
      const alone = await verify()
      expect(alone.fault).toBeUndefined()
      expect(alone.head.position).toBeLessThan(last.position)
      const { fault } = await verify([last])
      expect(fault).toMatchObject({ segment: path, position: last.position })
    }
    disk.put(path, whole)
  })

  test('a segment that is missing is named', async () => {
    const [, second = ''] = segments()
    const whole = present(disk.bytes(second), second).slice()
    await disk.remove(second)
    expect((await verify()).fault).toMatchObject({ segment: second, problem: 'is missing' })
    disk.put(second, whole)
  })

  test('heads of dropped segments that were altered are found', async () => {
    const path = 'journal/heads'
    const whole = present(disk.bytes(path), path).slice()
    for (let at = 0; at < whole.length; at++) {
      const altered = whole.slice()
      altered[at] = (altered[at] ?? 0) ^ 1
      disk.put(path, altered)
      expect((await verify(dropped)).fault, `byte ${at}`).toBeDefined()
    }
    disk.put(path, whole)
  })
})

// T71
test('a chain that was written anew does not meet a head that was published', async () => {
  const write = async (texts: readonly string[]) => {
    const disk = memoryDisk()
    const journal = await openJournal(disk, { genesis, hash: fastSha256 })
    for (const text of texts) {
      journal.append(utf8ToBytes(text))
      await journal.flush()
    }
    return { disk, head: journal.head() }
  }
  const honest = await write(['paid 1', 'paid 2', 'paid 3'])
  const forged = await write(['paid 1', 'paid 9', 'paid 3'])
  const check = { genesis, seal: undefined, hash: fastSha256 }
  expect((await verifyJournal(forged.disk, check)).fault).toBeUndefined()
  const { fault } = await verifyJournal(forged.disk, { ...check, published: [honest.head] })
  expect(fault).toMatchObject({ position: 3n, problem: expect.stringContaining('published') })
})

describe('a whole store', () => {
  let site: StoreSite

  beforeAll(async () => {
    site = await createStoreSite()
  })

  afterEach(() => site.clear())

  afterAll(() => site.remove())

  const sealed = () => `storeKey: { file: ${site.at('store.key')} }`
  const verify = () => site.ran('store', 'verify')
  const segment = () => {
    const folder = site.at('data/journal')
    return join(folder, present(readdirSync(folder).find(parseSegmentName), 'a segment'))
  }

  test.each([
    ['plain', () => ''],
    ['encrypted', sealed],
  ])('that is %s is sound, and all of it was looked at', async (_, more) => {
    site.configure(more())
    await site.enrol()
    const { code, data, error } = await verify()
    expect({ code, data }).toMatchObject({ code: 0, data: { sound: true, channels: 1 } })
    expect(error.join()).toMatch(/journal: .*snapshots: .*cold records: .*ledger: /)
    const journal = await site.ran('journal', 'verify')
    expect(journal).toMatchObject({ code: 0, data: { sound: true, altered: null } })
  })

  test('whose snapshot is not the fold of its journal is not sound', async () => {
    await site.enrol()
    const disk = await nodeDisk(site.at('data'))
    const [older, newer] = (await readSnapshots(disk)).snapshots
    const { state } = present(older, 'an older snapshot')
    await writeSnapshot(disk, { position: newer?.position ?? 0n, state })
    expect(await verify()).toMatchObject({
      code: 1,
      data: { findings: [{ part: 'snapshot', problem: expect.stringContaining('not the fold') }] },
    })
  })

  test.each([
    ['cold', 'c', /channel 0.*has no record/],
    ['cold', 'i', /channel 0.*is not found by its id/],
    ['ledger', 'B', /ledger.*(entries come to|instead of 0)/],
    ['ledger', 'E', /ledger.*entr/],
  ] as const)('whose %s lost a record of kind %s is not sound', async (name, letter, message) => {
    await site.enrol()
    const database = openDatabase(site.at(`data/${name}`), () => {})
    const start = new Uint8Array([letter.charCodeAt(0)])
    const end = new Uint8Array([letter.charCodeAt(0) + 1])
    const [first] = database.range(start, end)
    const [key] = present(first, 'a record')
    await database.write([[key, undefined]])
    await database.close()
    const { code, data } = await verify()
    expect(code).toBe(1)
    expect(JSON.stringify(data)).toMatch(message)
  })

  test('whose journal was altered is not sound; both commands name the record', async () => {
    await site.enrol()
    const bytes = readFileSync(segment())
    bytes[70] = (bytes[70] ?? 0) ^ 1
    writeFileSync(segment(), bytes)
    const journal = await site.ran('journal', 'verify')
    expect(journal).toMatchObject({
      code: 1,
      data: { sound: false, altered: { offset: 0, position: '1' } },
    })
    const { code, data } = await verify()
    expect(code).toBe(1)
    expect(JSON.stringify(data)).toMatch(/journal.0000000000000001.seg.*byte 0, position 1/)
  })

  test('is purged of whole segments only, and a date must be one', async () => {
    await site.enrol()
    const purged = await site.ran('store', 'purge', '--before', '2100-01-01')
    expect(purged).toMatchObject({ code: 0, data: { segments: 0, purgedTo: 0, hash: null } })
    expect((await site.ran('store', 'purge', '--before', 'yesterday')).code).toBe(2)
    expect((await verify()).code).toBe(0)
  })

  test('that runs is checked in a copy; its published head is met later', async () => {
    site.configure(sealed())
    await site.enrol()
    const settings = await readGatewayConfig(site.at('gateway.yaml'))
    const opened = await openGateway(
      settings,
      nodePorts(() => {}),
      (error) => {
        throw error
      },
    )
    const status = (await site.ran('status')).data as {
      journal: { position: number; hash: string }
    }
    const running = await verify()
    await opened.close()
    expect(running).toMatchObject({ code: 0, data: { sound: true, channels: 1 } })
    expect(running.error.join()).toMatch(/a copy of its store is checked/)
    expect(readdirSync(site.folder).filter((name) => name.includes('verify'))).toEqual([])
    const head = `${status.journal.position}:${status.journal.hash}`
    expect((await site.ran('journal', 'verify', '--head', head)).code).toBe(0)
    truncateSync(segment(), 0)
    expect((await site.ran('journal', 'verify', '--head', head)).code).toBe(1)
    expect((await site.ran('journal', 'verify', '--head', 'x')).code).toBe(2)
  })
})
