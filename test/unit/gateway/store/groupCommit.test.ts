import { expect, test } from 'vitest'
import { createGroupCommit } from '../../../../gateway/store/groupCommit.ts'
import { openJournal } from '../../../../gateway/store/journal.ts'
import { utf8ToBytes } from '../../../../protocol/bytes.ts'
import { memoryDisk } from '../../../support/memoryDisk.ts'
import { virtualTime } from '../../../support/virtualTime.ts'

/** A counter whose newest value is what has to be durable. */
async function world(waitingMax?: number) {
  const disk = memoryDisk()
  const time = virtualTime(0)
  const journal = await openJournal(disk)
  const log: string[] = []
  const fatal: unknown[] = []
  let value = 0
  let dirty = false
  const commit = createGroupCommit({
    journal,
    timers: time.timers,
    collect: () => {
      if (!dirty) return undefined
      dirty = false
      return utf8ToBytes(String(value))
    },
    onFatal: (error) => fatal.push(error),
    ...(waitingMax === undefined ? {} : { waitingMax }),
  })
  const change = (name: string, run: () => void = () => {}) => {
    value += 1
    dirty = true
    commit.add(() => {
      log.push(name)
      run()
    })
  }
  const stored = async () => {
    const entries: string[] = []
    const onEntry = ({ payload }: { payload: Uint8Array }) =>
      entries.push(new TextDecoder().decode(payload))
    await openJournal(disk, { onEntry })
    return entries
  }
  return { disk, time, journal, commit, change, log, fatal, stored }
}

test('all changes of a turn are one entry and one sync, acknowledged in order', async () => {
  const { disk, time, change, log, stored } = await world()
  const { sync } = disk.calls
  for (const name of ['a', 'b', 'c']) change(name)
  expect(log).toEqual([])
  await time.settle()
  expect(log).toEqual(['a', 'b', 'c'])
  expect(disk.calls.sync - sync).toBe(1)
  expect(await stored()).toEqual(['3'])
})

test('nothing is acknowledged while the sync is on its way, and the next batch forms', async () => {
  const { disk, time, change, commit, log, stored } = await world()
  const release = disk.holdSyncs()
  change('a')
  await time.settle()
  change('b')
  change('c')
  await time.settle()
  expect(log).toEqual([])
  expect(commit.waiting()).toBe(3)
  release()
  await time.settle()
  expect(log).toEqual(['a', 'b', 'c'])
  expect(commit.waiting()).toBe(0)
  expect(await stored()).toEqual(['1', '3'])
})

test('a callback may add more work', async () => {
  const { time, change, log } = await world()
  change('a', () => change('b'))
  await time.settle()
  expect(log).toEqual(['a', 'b'])
})

test('work that changed nothing waits only for what was before it', async () => {
  const { time, commit, change, log, stored } = await world()
  change('a')
  commit.add(() => log.push('repeat'))
  await time.settle()
  commit.add(() => log.push('repeat again'))
  await time.settle()
  expect(log).toEqual(['a', 'repeat', 'repeat again'])
  expect(await stored()).toEqual(['1'])
})

test.each(['append', 'sync'] as const)(
  'after a failed %s no callback ever runs',
  async (operation) => {
    const { disk, time, change, log, fatal, stored } = await world()
    disk.fail({ operation, code: 'EIO' })
    change('a')
    await time.settle()
    change('b')
    await time.settle()
    await time.advance(1_000)
    expect(log).toEqual([])
    expect(fatal).toHaveLength(1)
    expect(String(fatal[0])).toContain('EIO')
    disk.crash()
    expect(await stored()).toEqual([])
  },
)

test('a crash during the sync acknowledges nothing', async () => {
  const { disk, time, change, log, fatal, stored } = await world()
  const release = disk.holdSyncs()
  change('a')
  await time.settle()
  disk.crash()
  release()
  await time.settle()
  expect(log).toEqual([])
  expect(fatal).toHaveLength(1)
  expect(await stored()).toEqual([])
})

test('a callback that throws is a bug and stops everything after it', async () => {
  const { time, change, log, fatal } = await world()
  change('a', () => {
    throw new Error('bug')
  })
  change('b')
  await time.settle()
  expect(log).toEqual(['a'])
  expect(fatal).toHaveLength(1)
})

test('drained resolves when all before it are acknowledged', async () => {
  const { time, change, commit, log } = await world()
  change('a')
  const drained = commit.drained().then(() => log.push('drained'))
  change('b')
  await time.settle()
  await drained
  expect(log.indexOf('drained')).toBeGreaterThan(log.indexOf('a'))
})

test('the number of waiting callbacks is bounded', async () => {
  const { change } = await world(2)
  change('a')
  change('b')
  expect(() => change('c')).toThrow('bounded')
})
