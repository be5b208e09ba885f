/**
 * Keeps two processes from opening one store.
 *
 * On Linux the lock is a socket in the abstract namespace, named after the folder's device and
 * inode: the kernel gives it to one process and takes it back when that process dies, however it
 * dies. The file `lock` then only tells people who holds it. Elsewhere the file is the lock, and a
 * process id that is no longer alive makes it stale. Processes in different network namespaces
 * (containers) that share a folder are not kept apart.
 * @module
 */
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { OperatorError } from '../../../ports/operatorError.ts'

export type StoreLock = { readonly release: () => Promise<void> }

/**
 * Locks the store in `folder` (created where needed) for this process.
 * @throws OperatorError naming the process that has it
 */
export async function lockStore(folder: string): Promise<StoreLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new OperatorError(
      `cannot create the store ${folder} (${codeOf(error)}): choose a folder this user may write`,
    )
  })
  const path = join(folder, 'lock')
  return process.platform === 'linux' ? lockBySocket(folder, path) : lockByFile(folder, path)
}

async function lockBySocket(folder: string, path: string): Promise<StoreLock> {
  const { dev, ino } = await stat(folder)
  const server = await listen(`\0tickpay-store-${dev}-${ino}`)
  if (server === undefined) throw await inUse(folder, path)
  await writeFile(path, `${process.pid}\n`, { mode: 0o600 })
  return {
    release: async () => {
      await rm(path, { force: true })
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Undefined when another process listens there. */
function listen(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy())
  server.unref()
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (codeOf(error) === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen({ path: name }, () => resolve(server))
  })
}

async function lockByFile(folder: string, path: string): Promise<StoreLock> {
  if (!(await createExclusive(path))) {
    const holder = await readHolder(path)
    if (holder !== undefined && isAlive(holder)) throw await inUse(folder, path)
    await rm(path, { force: true })
    if (!(await createExclusive(path))) throw await inUse(folder, path)
  }
  return { release: () => rm(path, { force: true }) }
}

async function createExclusive(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600)
    await file.writeFile(`${process.pid}\n`)
    await file.close()
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

async function inUse(folder: string, path: string): Promise<OperatorError> {
  const holder = (await readHolder(path)) ?? 'unknown'
  return new OperatorError(
    `the store ${folder} is in use by process ${holder}: stop that process first, or choose ` +
      'another store',
  )
}

async function readHolder(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
