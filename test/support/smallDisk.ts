/**
 * A small file system of its own (tmpfs), for tests that fill it.
 * @module
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type SmallDisk = {
  /** Leaves not one block free. */
  readonly fill: () => void
  /** Leaves about so much free. */
  readonly leave: (kibibytes: number) => void
  /** Takes back what `fill` wrote. */
  readonly empty: () => void
  readonly remove: () => void
}

/** Why this machine cannot have one; undefined when it can. */
export const whySmallDiskIsMissing = probe()

function probe(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-mount-'))
  const mounted = mount(folder, 64)
  if (mounted === undefined) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true, force: true })
  return mounted
}

/** What went wrong, if anything. */
function mount(folder: string, kibibytes: number): string | undefined {
  const words = ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', folder]
  const { status, error, stderr } = spawnSync('mount', words, { encoding: 'utf8' })
  if (error) return `no mount here (${error.message})`
  return status === 0 ? undefined : `mount needs root (${stderr.trim()})`
}

/** A file system of that size at `folder`, which is created. */
export function smallDisk(folder: string, kibibytes: number): SmallDisk {
  mkdirSync(folder)
  const problem = mount(folder, kibibytes)
  if (problem !== undefined) throw new Error(problem)
  const filler = join(folder, 'filler')
  return {
    fill: () => {
      try {
        writeFileSync(filler, new Uint8Array(kibibytes * 1_024))
      } catch {
        // It was to be filled.
      }
    },
    leave: (left) => {
      const { bavail, bsize } = statfsSync(folder)
      writeFileSync(filler, new Uint8Array(bavail * bsize - left * 1_024))
    },
    empty: () => rmSync(filler, { force: true }),
    remove: () => {
      spawnSync('umount', ['-l', folder])
    },
  }
}
