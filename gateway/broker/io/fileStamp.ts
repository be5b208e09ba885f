/**
 * Whether files may have changed, without reading them: a revocation list of ten thousand
 * certificates is half a megabyte, and is looked at every two seconds.
 * @module
 */
import { open } from 'node:fs/promises'

/**
 * A file that was changed later than this may change once more within the same tick of the file
 * system's clock, which is 10 ms on Linux and 2 s on FAT.
 */
const SETTLED_MS = 3_000

/**
 * What changes whenever one of the files does; undefined when that cannot be told, because one has
 * changed just now or is missing. To be asked before the files are read.
 */
export async function stampOf(
  paths: readonly string[],
  nowMs: number,
): Promise<string | undefined> {
  const stamps = await Promise.all(paths.map((path) => stampOfOne(path, nowMs)))
  return stamps.includes(undefined) ? undefined : stamps.join()
}

async function stampOfOne(path: string, nowMs: number): Promise<string | undefined> {
  try {
    // Opened, because a network file system answers a plain stat from its cache.
    const file = await open(path, 'r')
    try {
      const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = await file.stat({ bigint: true })
      // Also when the clock was set back since: then it is read each time, as long as that lasts.
      if (nowMs - Number(ctimeMs) < SETTLED_MS) return undefined
      return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
    } finally {
      await file.close()
    }
  } catch {
    // Whoever reads it says what is wrong with it.
    return undefined
  }
}
