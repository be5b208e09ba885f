/** The one durable file of an agent. */
import { describe, expect, test } from 'vitest'
import { openRecords, parseRecord, RECORD_FILE } from '../../../agent/records.ts'
import { mark } from '../../support/fixtures.ts'
import { memoryDisk } from '../../support/memoryDisk.ts'

const limits = {
  channelId: new Uint8Array(32).fill(3),
  hour: 490_000,
  hourBase: -5n,
  day: 20_000,
  dayBase: (1n << 64n) - 1n,
  place: {
    allocation: new Uint8Array(32).fill(8),
    position: 2,
    channelId: new Uint8Array(32).fill(7),
    left: [new Uint8Array(32).fill(5), new Uint8Array(32).fill(6)],
  },
}
const reader = { offset: -12n, lastRegister: 77n, bootId: undefined, meterNumber: 'n12' }
const seen = { atSeconds: 1_767_225_600, units: 1_234n, unitsPaid: undefined }
const quiet = () => undefined

describe('the record of an agent', () => {
  test('survives a restart', async () => {
    const disk = memoryDisk()
    const records = await openRecords(disk, quiet)
    records.setMark(mark)
    await records.save('energy', { limits })
    await records.save('energy', { reader, seen })
    await records.save('water', { reader })
    disk.crash()
    const again = await openRecords(disk, quiet)
    expect(again.meter('energy')).toEqual({ limits, reader, seen })
    expect(again.meter('water')).toEqual({ limits: undefined, reader, seen: undefined })
    expect(again.meter('gas').limits).toBeUndefined()
    expect(again.mark()).toEqual(mark)
  })

  test('says when it is not durable, and takes the next change', async () => {
    const disk = memoryDisk()
    const records = await openRecords(disk, quiet)
    disk.fail({ operation: 'replace', code: 'ENOSPC' })
    await expect(records.save('energy', { limits })).rejects.toThrow('ENOSPC')
    await records.save('energy', { reader })
    expect((await openRecords(disk, quiet)).meter('energy')).toMatchObject({ limits, reader })
  })

  test.each([
    ['noise', 'not json'],
    ['another version', '{"version":2,"meters":{}}'],
    ['a limit that is no number', '{"version":1,"meters":{"a":{"limits":{"hour":"s1"}}}}'],
    [
      'an amount that is no bigint',
      '{"version":1,"meters":{"a":{"seen":{"atSeconds":1,"units":5}}}}',
    ],
  ])('that is damaged counts as missing: %s', async (_name, text) => {
    expect(parseRecord(text)).toBeUndefined()
    const disk = memoryDisk()
    disk.put(RECORD_FILE, new TextEncoder().encode(text))
    const warnings: string[] = []
    const records = await openRecords(disk, (level) => warnings.push(level))
    expect(records.meter('a').limits).toBeUndefined()
    expect(warnings).toEqual(['warn'])
  })
})
