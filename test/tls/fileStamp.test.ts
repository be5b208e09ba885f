/** A stamp says that files may have changed, however alike they look, and when it cannot say. */
import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { stampOf } from '../../gateway/broker/io/fileStamp.ts'

const folder = mkdtempSync(join(tmpdir(), 'tickpay-stamp-'))
afterAll(() => rmSync(folder, { recursive: true }))
const [list, key] = [join(folder, 'list'), join(folder, 'key')]
const laterMs = () => Date.now() + 60_000

function write(path: string, text: string): void {
  writeFileSync(path, text)
}

describe('the stamp of files', () => {
  test('stays while nothing changes, and says which files', async () => {
    write(list, 'one')
    write(key, 'one')
    const stamp = await stampOf([list, key], laterMs())
    expect(stamp).toBeDefined()
    expect(await stampOf([list, key], laterMs())).toBe(stamp)
    expect(await stampOf([list], laterMs())).not.toBe(stamp)
  })

  test('changes with a file of the same length and the same time of writing', async () => {
    write(list, 'one')
    const { atime, mtime } = statSync(list)
    const stamp = await stampOf([list], laterMs())
    await expect
      .poll(async () => {
        write(list, 'two')
        utimesSync(list, atime, mtime)
        return (await stampOf([list], laterMs())) !== stamp
      })
      .toBe(true)
    write(`${list}.new`, 'one')
    const before = await stampOf([list], laterMs())
    renameSync(`${list}.new`, list)
    expect(await stampOf([list], laterMs())).not.toBe(before)
  })

  test('cannot be told of a file that has just changed, is of the future, or missing', async () => {
    write(list, 'one')
    expect(await stampOf([list], Date.now())).toBeUndefined()
    expect(await stampOf([list], 0)).toBeUndefined()
    expect(await stampOf([list, join(folder, 'none')], laterMs())).toBeUndefined()
  })
})
