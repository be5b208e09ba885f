/**
 * The real disk: files under one folder, readable by their owner only.
 * @module
 */
import { constants } from 'node:fs'
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  statfs,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assert } from '../../protocol/assert.ts'
import type { AppendFile, Disk } from '../index.ts'
import { OperatorError } from '../operatorError.ts'

/** Ends the names of half-written files; `list` does not show them. */
const temporarySuffix = '.tmp'

let temporaryCount = 0

/**
 * Opens the folder `root`, creating it where needed.
 * @throws OperatorError when the folder cannot be used; its methods throw it too
 */
export async function nodeDisk(root: string): Promise<Disk> {
  await explained('create the folder', root, () => createFolder(root))
  const at = (path: string) => {
    assert(
      !path.startsWith('/') && !path.split('/').includes('..'),
      'disk paths stay under their root',
    )
    return join(root, path)
  }
  return {
    openAppend: (path, length) => explained('open', at(path), () => openAppend(at(path), length)),
    read: (path) => explained('read', at(path), () => readIfThere(at(path))),
    replace: (path, bytes) => explained('write', at(path), () => replaceFile(at(path), bytes)),
    list: (path) => explained('list', at(path), () => listFolder(at(path))),
    remove: (path) => explained('remove', at(path), () => removeFile(at(path))),
    freeShare: () => explained('check the free space of', root, () => freeShare(root)),
  }
}

async function openAppend(path: string, length: number | undefined): Promise<AppendFile> {
  await createFolder(dirname(path))
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  let position = (await file.stat()).size
  if (length !== undefined) {
    assert(length <= position, 'a file is only ever cut to what it holds')
    if (length < position) await file.truncate(length)
    position = length
  }
  await writeAgain(file, position)
  await syncFolder(dirname(path))
  return {
    append: (bytes) => {
      const start = position
      position += bytes.length
      return explained('write', path, () => writeAll(file, bytes, start))
    },
    sync: () => explained('sync', path, () => file.datasync()),
    close: () => explained('close', path, () => file.close()),
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, start: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const part = await file.write(bytes, written, bytes.length - written, start + written)
    written += part.bytesWritten
  }
}

/** Bytes that are held in memory at a time. */
const REWRITE_BYTES = 1 << 20

/**
 * Writes what a file holds where it is. After a failed sync the kernel shows bytes to whoever reads
 * and calls them clean, although the disk never had them: the next sync would promise nothing.
 * Power may fail meanwhile, for old and new bytes are the same.
 */
async function writeAgain(file: FileHandle, length: number): Promise<void> {
  const buffer = new Uint8Array(Math.min(length, REWRITE_BYTES))
  for (let start = 0; start < length; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - start), start)
    assert(bytesRead > 0, 'a file has the bytes of its length')
    await writeAll(file, buffer.subarray(0, bytesRead), start)
    start += bytesRead
  }
}

/** Buffers of this size are never taken from memory that several share. */
const OWN_MEMORY_BYTES = 1 << 20

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(path)
    // Small ones may share memory with others; large ones are not held twice.
    if (bytes.length < OWN_MEMORY_BYTES) return new Uint8Array(bytes)
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await createFolder(dirname(path))
  const temporary = `${path}.${temporaryCount++}${temporarySuffix}`
  try {
    const file = await open(temporary, 'w', 0o600)
    try {
      await writeAll(file, bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

async function listFolder(path: string): Promise<readonly string[]> {
  try {
    const names = await readdir(path)
    return names.filter((name) => !name.endsWith(temporarySuffix)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true })
  await syncFolder(dirname(path))
}

async function freeShare(root: string): Promise<number> {
  const { bavail, blocks } = await statfs(root)
  return blocks === 0 ? 1 : bavail / blocks
}

/** Makes the folder and its parents, each entry durable in the folder above it. */
async function createFolder(path: string): Promise<void> {
  const firstCreated = await mkdir(path, { recursive: true, mode: 0o700 })
  if (firstCreated === undefined) return
  for (let folder = path; folder.length >= firstCreated.length; folder = dirname(folder)) {
    await syncFolder(dirname(folder))
  }
}

/** Without this a crash may forget that a file was created or renamed. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (folder === undefined) return
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, then start again',
  EDQUOT: 'the disk quota is used up: free some space, then start again',
  EACCES: 'permission denied: give this user read and write access to it',
  EPERM: 'permission denied: give this user read and write access to it',
  EROFS: 'the file system is read-only: mount it writable or choose another folder',
  EIO: 'the disk reports a hardware error: check the disk, restore from a backup if it fails',
  ENOTDIR: 'a part of that path is a file: choose another folder',
  EEXIST: 'a part of that path is a file: choose another folder',
  EISDIR: 'that path is a folder where a file is expected: choose another path',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  ENFILE: 'too many open files on this machine: raise the limit',
}

async function explained<T>(verb: string, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    const reason = advice[errorCode(error)]
    if (reason === undefined) throw error
    throw new OperatorError(`cannot ${verb} ${path}: ${reason}`, { cause: error })
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
