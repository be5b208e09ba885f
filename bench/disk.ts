/**
 * How long the disk takes to make something durable: every acknowledged batch waits for that.
 * @module
 */
import { execFileSync } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createHistogram } from './statistics.ts'

const SAMPLES = 300
/** About one group commit. */
const APPEND_BYTES = 16_384

export type Disk = {
  readonly fileSystem: string
  /** Microseconds of an append of 16 KiB and its fdatasync. */
  readonly syncP50: number
  readonly syncP99: number
}

/** Appends and syncs in `folder`, one after the other, on an otherwise idle disk. */
export async function probeDisk(folder: string): Promise<Disk> {
  const path = join(folder, 'probe')
  const file = await open(path, 'w')
  const histogram = createHistogram()
  const block = Buffer.alloc(APPEND_BYTES, 1)
  try {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const startMs = performance.now()
      await file.write(block)
      await file.datasync()
      histogram.add((performance.now() - startMs) * 1_000)
    }
  } finally {
    await file.close()
    await rm(path)
  }
  const [, fileSystem = 'unknown'] = execFileSync('df', ['--output=fstype', folder], {
    encoding: 'utf8',
  }).split('\n')
  return { fileSystem, syncP50: histogram.at(0.5), syncP99: histogram.at(0.99) }
}
