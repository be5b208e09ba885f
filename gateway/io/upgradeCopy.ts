/**
 * A copy of a store, taken before another release than the one that wrote it touches it: should the
 * new release not do, the old one goes on from the copy.
 * @module
 */
import { constants } from 'node:fs'
import { cp, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Disk, Log } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { META_PATH } from '../store/meta.ts'

/** The same as in package.json (a test holds the two together). */
export const RELEASE = '0.1.0'
/** In the folder of a store: the release that wrote it last. Stores older than it have none. */
export const RELEASE_PATH = 'release.json'
/** Where the copy is, in the folder of the store; there is one at most. */
export const COPY_FOLDER = 'before-upgrade'
const PART_FOLDER = `${COPY_FOLDER}.part`

/** What is of a process, or of an earlier upgrade, and not of the store. */
const OTHERS: readonly string[] = ['lock', 'control.sock', COPY_FOLDER, PART_FOLDER]

const releaseSchema = v.object({ release: v.string() })

/**
 * Call it with the lock of the store, before anything in the folder is opened.
 * @throws OperatorError when there is no space for the copy
 */
export async function keepCopy(folder: string, disk: Disk, log: Log): Promise<void> {
  const written = await readRelease(disk)
  if (written === RELEASE) return
  if (await isThere(join(folder, META_PATH))) {
    await requireSpace(folder)
    await copyStore(folder)
    const copy = join(folder, COPY_FOLDER)
    log('info', 'the store was written by another release: a copy is kept', {
      written: written ?? 'earlier',
      release: RELEASE,
      copy,
    })
  }
  const text = `${JSON.stringify({ release: RELEASE })}\n`
  await disk.replace(RELEASE_PATH, new TextEncoder().encode(text))
}

async function readRelease(disk: Disk): Promise<string | undefined> {
  const bytes = await disk.read(RELEASE_PATH)
  if (!bytes) return undefined
  try {
    const parsed = v.safeParse(releaseSchema, JSON.parse(new TextDecoder().decode(bytes)))
    return parsed.success ? parsed.output.release : undefined
  } catch {
    return undefined
  }
}

/** Under another name until it is whole, so that half a copy is never taken for one. */
async function copyStore(folder: string): Promise<void> {
  const part = join(folder, PART_FOLDER)
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { mode: 0o700 })
  for (const name of await partsOf(folder)) {
    // Costs no space and no time where the file system shares what is equal.
    const mode = constants.COPYFILE_FICLONE
    await cp(join(folder, name), join(part, name), { recursive: true, mode })
  }
  for (const path of await pathsBelow(part)) await syncPath(path)
  await rm(join(folder, COPY_FOLDER), { recursive: true, force: true })
  await rename(part, join(folder, COPY_FOLDER))
  await syncPath(folder)
}

async function requireSpace(folder: string): Promise<void> {
  let needed = 0
  for (const name of await partsOf(folder)) {
    for (const path of await pathsBelow(join(folder, name))) {
      needed += (await stat(path)).blocks * 512
    }
  }
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize > needed) return
  throw new OperatorError(
    `another release wrote the store ${folder}, and there is no space for the copy that is kept ` +
      `of it (${needed} bytes): free some space, or go on with that release`,
  )
}

async function partsOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder)
  return names.filter((name) => !OTHERS.includes(name))
}

/** A file, or a folder with all that is in it. */
async function pathsBelow(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const names = await readdir(path, { recursive: true })
  return [...names.map((name) => join(path, name)), path]
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
