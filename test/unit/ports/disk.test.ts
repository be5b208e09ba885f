import {
  chmodSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeDisk } from '../../../ports/io/disk.ts'
import { OperatorError } from '../../../ports/operatorError.ts'

let root: string
const bytes = (text: string) => new TextEncoder().encode(text)
const textOf = (found: Uint8Array | undefined) => new TextDecoder().decode(found)

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tickpay-disk-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('appends go after what is there, in the order of the calls', async () => {
  const disk = await nodeDisk(root)
  const first = await disk.openAppend('a/b/log')
  await Promise.all([first.append(bytes('one ')), first.append(bytes('two '))])
  await first.sync()
  await first.close()
  const second = await disk.openAppend('a/b/log')
  await second.append(bytes('three'))
  await second.close()
  expect(textOf(await disk.read('a/b/log'))).toBe('one two three')
})

test('opening with a length keeps exactly that much', async () => {
  const disk = await nodeDisk(root)
  await disk.replace('log', bytes('good|torn'))
  const file = await disk.openAppend('log', 5)
  await file.append(bytes('new'))
  await file.close()
  expect(textOf(await disk.read('log'))).toBe('good|new')
})

test('opening writes what is kept anew, for an earlier sync may have failed', async () => {
  const disk = await nodeDisk(root)
  const kept = new Uint8Array(3_000_001).map((_, index) => index % 251)
  await disk.replace('log', kept)
  utimesSync(join(root, 'log'), 1_000, 1_000)
  const file = await disk.openAppend('log', kept.length)
  await file.close()
  expect(statSync(join(root, 'log')).mtimeMs).toBeGreaterThan(1_000_000)
  const found = await disk.read('log')
  expect(found && Buffer.compare(found, kept)).toBe(0)
})

test('replace changes the whole content and leaves nothing behind', async () => {
  const disk = await nodeDisk(root)
  await disk.replace('folder/state', bytes('old and longer'))
  await disk.replace('folder/state', bytes('new'))
  expect(textOf(await disk.read('folder/state'))).toBe('new')
  expect(await disk.list('folder')).toEqual(['state'])
  expect(statSync(join(root, 'folder/state')).mode & 0o777).toBe(0o600)
})

test('a half-written file of a crash is not listed', async () => {
  const disk = await nodeDisk(root)
  writeFileSync(join(root, 'state.7.tmp'), 'torn')
  await disk.replace('b', bytes('b'))
  await disk.replace('a', bytes('a'))
  expect(await disk.list('')).toEqual(['a', 'b'])
})

test('what is missing is undefined, empty, or removed already', async () => {
  const disk = await nodeDisk(join(root, 'new', 'deep'))
  expect(await disk.read('nothing')).toBeUndefined()
  expect(await disk.list('nothing')).toEqual([])
  await disk.remove('nothing')
  await disk.replace('x', bytes('x'))
  await disk.remove('x')
  expect(await disk.read('x')).toBeUndefined()
})

test('free space is a share', async () => {
  const share = await (await nodeDisk(root)).freeShare()
  expect(share).toBeGreaterThanOrEqual(0)
  expect(share).toBeLessThanOrEqual(1)
})

test('a full disk is told in one line', async () => {
  const disk = await nodeDisk(root)
  const file = await disk.openAppend('log')
  await file.close()
  // /dev/full answers every write as a full disk does.
  rmSync(join(root, 'log'))
  symlinkSync('/dev/full', join(root, 'log'))
  const full = await disk.openAppend('log')
  const failure = await full.append(bytes('x')).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(OperatorError)
  expect(String(failure)).toMatch(/cannot write .*log: the disk is full: free some space/)
  await full.close()
})

test('a file in place of a folder is told in one line', async () => {
  writeFileSync(join(root, 'file'), '')
  await expect(nodeDisk(join(root, 'file', 'store'))).rejects.toThrow(
    /cannot create the folder .*: a part of that path is a file/,
  )
})

test.skipIf(process.getuid?.() === 0)('missing permission is told in one line', async () => {
  const disk = await nodeDisk(root)
  await disk.replace('secret', bytes('x'))
  chmodSync(join(root, 'secret'), 0)
  await expect(disk.read('secret')).rejects.toThrow(/permission denied: give this user/)
})

test('paths cannot leave the root', async () => {
  const disk = await nodeDisk(root)
  await expect(async () => disk.read('../etc/passwd')).rejects.toThrow(/stay under their root/)
})
