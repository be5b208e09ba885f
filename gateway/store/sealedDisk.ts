/**
 * A disk whose snapshots are sealed; journal records are sealed one by one by the journal itself.
 * @module
 */
import type { Disk } from '../../ports/index.ts'
import { utf8ToBytes } from '../../protocol/bytes.ts'
import type { Box } from './box.ts'
import { openTagged, sealTagged } from './box.ts'
import { SNAPSHOT_FOLDER } from './snapshot.ts'

/** A snapshot that does not open reads as an empty file, which its reader takes for damaged. */
export function sealedDisk(disk: Disk, box: Box): Disk {
  return {
    ...disk,
    read: async (path) => {
      const bytes = await disk.read(path)
      if (!bytes || !isSnapshot(path)) return bytes
      return openTagged(box, utf8ToBytes(path), bytes) ?? new Uint8Array()
    },
    replace: (path, bytes) =>
      disk.replace(path, isSnapshot(path) ? sealTagged(box, utf8ToBytes(path), bytes) : bytes),
  }
}

function isSnapshot(path: string): boolean {
  return path.startsWith(`${SNAPSHOT_FOLDER}/`)
}
