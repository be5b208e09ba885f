import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockStore } from '../../../../gateway/store/io/lock.ts'
import { OperatorError } from '../../../../ports/operatorError.ts'

let folder = ''
let children: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickpay-lock-'))
  children = []
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** Another process that holds what a gateway holds; resolves when it has it. */
async function lockInChild(): Promise<ChildProcess> {
  const script = `
    import { stat, writeFile } from 'node:fs/promises'
    import { createServer } from 'node:net'
    const { dev, ino } = await stat(process.argv[1])
    createServer().listen({ path: '\\0tickpay-store-' + dev + '-' + ino }, async () => {
      await writeFile(process.argv[1] + '/lock', process.pid + '\\n')
      console.log('locked')
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder])
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

test('one holder at a time, under any spelling of the path', async () => {
  const lock = await lockStore(folder)
  await expect(lockStore(join(folder, '..', folder.split('/').at(-1) ?? ''))).rejects.toThrow(
    `in use by process ${process.pid}`,
  )
  await lock.release()
  await (await lockStore(folder)).release()
})

test('the error names the other process and what to do', async () => {
  const child = await lockInChild()
  const locking = lockStore(folder)
  await expect(locking).rejects.toThrow(OperatorError)
  await expect(locking).rejects.toThrow(`${folder} is in use by process ${child.pid}: stop`)
})

test('a killed process leaves nothing behind', async () => {
  const child = await lockInChild()
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await lockStore(folder)).release()
})

test('a lock file of a process id that was given to someone else does not matter', async () => {
  await writeFile(join(folder, 'lock'), `${process.ppid}\n`)
  await (await lockStore(folder)).release()
})

test('a folder that cannot be made is named', async () => {
  await writeFile(join(folder, 'file'), '')
  await expect(lockStore(join(folder, 'file', 'store'))).rejects.toThrow(/cannot create the store/)
})
