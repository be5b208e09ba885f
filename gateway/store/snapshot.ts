/**
 * Snapshots of the hot state, each with the journal position it covers. The newest two are kept, so
 * that a damaged one costs a longer replay and not the store.
 *
 * ```
 * "TPSN" | u8 format version | u64 position | SHA-256(position | state)[32] | state
 * ```
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js'
import type { Disk } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bigEndian, concatBytes, equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import { SNAPSHOTS_KEPT } from './limits.ts'

export const SNAPSHOT_FOLDER = 'snapshot'
const FORMAT_VERSION = 1
const magic = utf8ToBytes('TPSN')
const HEADER_BYTES = 4 + 1 + 8 + 32

export type Snapshot = { readonly position: bigint; readonly state: Uint8Array }

export type SnapshotReading = {
  readonly snapshot: Snapshot | undefined
  /** Paths of newer snapshots that do not meet their checksum. */
  readonly damaged: readonly string[]
}

/**
 * Writes the state as of `position`, then removes all but the newest two. Returns the oldest
 * position still covered: journal segments below it may be dropped, newer ones may not.
 */
export async function writeSnapshot(disk: Disk, snapshot: Snapshot): Promise<bigint> {
  const position = bigEndian(snapshot.position, 8)
  const hash = hashOf(position, snapshot.state)
  const bytes = concatBytes(magic, new Uint8Array([FORMAT_VERSION]), position, hash, snapshot.state)
  await disk.replace(snapshotPath(snapshot.position), bytes)
  const positions = await listPositions(disk)
  for (const old of positions.slice(SNAPSHOTS_KEPT)) await disk.remove(snapshotPath(old))
  return positions.slice(0, SNAPSHOTS_KEPT).at(-1) ?? snapshot.position
}

/**
 * The newest snapshot that meets its checksum, and which newer ones did not.
 * @throws OperatorError when the newest was written by a newer version
 */
export async function readNewestSnapshot(disk: Disk): Promise<SnapshotReading> {
  const damaged: string[] = []
  for (const position of await listPositions(disk)) {
    const path = snapshotPath(position)
    const state = decode(path, position, await disk.read(path))
    if (state) return { snapshot: { position, state }, damaged }
    damaged.push(path)
  }
  return { snapshot: undefined, damaged }
}

/**
 * All snapshots that meet their checksum, oldest first, and the paths of those that do not.
 * @throws OperatorError when one was written by a newer version
 */
export async function readSnapshots(
  disk: Disk,
): Promise<{ readonly snapshots: readonly Snapshot[]; readonly damaged: readonly string[] }> {
  const snapshots: Snapshot[] = []
  const damaged: string[] = []
  for (const position of await listPositions(disk)) {
    const path = snapshotPath(position)
    const state = decode(path, position, await disk.read(path))
    if (state) snapshots.unshift({ position, state })
    else damaged.push(path)
  }
  return { snapshots, damaged }
}

/** Position of the oldest snapshot that is kept; 0 when there is none. */
export async function oldestSnapshot(disk: Disk): Promise<bigint> {
  return (await listPositions(disk)).at(-1) ?? 0n
}

function decode(
  path: string,
  position: bigint,
  bytes: Uint8Array | undefined,
): Uint8Array | undefined {
  if (!bytes || bytes.length < HEADER_BYTES || !equalBytes(bytes.subarray(0, 4), magic)) {
    return undefined
  }
  const version = bytes[4] ?? 0
  const written = bytes.subarray(5, 13)
  const state = bytes.subarray(HEADER_BYTES)
  if (version > FORMAT_VERSION) {
    throw new OperatorError(
      `${path} was written by a newer version (format ${version}): upgrade this program`,
    )
  }
  const whole = equalBytes(hashOf(written, state), bytes.subarray(13, HEADER_BYTES))
  return whole && equalBytes(written, bigEndian(position, 8)) ? state : undefined
}

function hashOf(position: Uint8Array, state: Uint8Array): Uint8Array {
  return sha256.create().update(position).update(state).digest()
}

/** Newest first. */
async function listPositions(disk: Disk): Promise<readonly bigint[]> {
  const names = await disk.list(SNAPSHOT_FOLDER)
  const digits = names.map((name) => /^([0-9a-f]{16})\.snap$/.exec(name)?.[1])
  const positions = digits.filter((one) => one !== undefined).map((one) => BigInt(`0x${one}`))
  return positions.sort((a, b) => (a < b ? 1 : -1))
}

function snapshotPath(position: bigint): string {
  return `${SNAPSHOT_FOLDER}/${position.toString(16).padStart(16, '0')}.snap`
}
