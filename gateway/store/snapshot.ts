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
import { bigEndian, equalBytes, utf8ToBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import { SNAPSHOTS_KEPT } from './limits.ts'

export const SNAPSHOT_FOLDER = 'snapshot'
const FORMAT_VERSION = 1
const magic = utf8ToBytes('TPSN')
const POSITION_BYTES = 8
const POSITION_AT = 4 + 1
const HASH_AT = POSITION_AT + POSITION_BYTES
const HEADER_BYTES = HASH_AT + 32

/** Bytes that `writeSnapshot` wants before a state in its memory, so that it need not copy it. */
export const SNAPSHOT_ROOM_BYTES = HEADER_BYTES

export type Snapshot = { readonly position: bigint; readonly state: Uint8Array }

export type NewSnapshot = Snapshot & {
  /** Bytes before `state` in the same memory that nobody else uses. */
  readonly roomBytes?: number
}

export type SnapshotReading = {
  readonly snapshot: Snapshot | undefined
  /** Paths of newer snapshots that do not meet their checksum. */
  readonly damaged: readonly string[]
}

/**
 * Writes the state as of `position`, then removes all but the newest two. Returns the oldest
 * position still covered: journal segments below it may be dropped, newer ones may not.
 */
export async function writeSnapshot(
  disk: Disk,
  snapshot: NewSnapshot,
  hash: Sha256 = sha256,
): Promise<bigint> {
  const bytes = withHeader(snapshot)
  bytes.set(magic)
  bytes[magic.length] = FORMAT_VERSION
  const position = bigEndian(snapshot.position, POSITION_BYTES)
  bytes.set(hashOf(position, bytes, hash), HASH_AT)
  bytes.set(position, POSITION_AT)
  await disk.replace(snapshotPath(snapshot.position), bytes)
  const positions = await listPositions(disk)
  for (const old of positions.slice(SNAPSHOTS_KEPT)) await disk.remove(snapshotPath(old))
  return positions.slice(0, SNAPSHOTS_KEPT).at(-1) ?? snapshot.position
}

/**
 * The newest snapshot that meets its checksum, and which newer ones did not.
 * @throws OperatorError when the newest was written by a newer version
 */
export async function readNewestSnapshot(
  disk: Disk,
  hash: Sha256 = sha256,
): Promise<SnapshotReading> {
  const damaged: string[] = []
  for (const position of await listPositions(disk)) {
    const path = snapshotPath(position)
    const state = decode(path, position, await disk.read(path), hash)
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
    const state = decode(path, position, await disk.read(path), sha256)
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
  hash: Sha256,
): Uint8Array | undefined {
  if (!bytes || bytes.length < HEADER_BYTES || !equalBytes(bytes.subarray(0, 4), magic)) {
    return undefined
  }
  const version = bytes[4] ?? 0
  const written = bytes.subarray(POSITION_AT, HASH_AT)
  const state = bytes.subarray(HEADER_BYTES)
  if (version > FORMAT_VERSION) {
    throw new OperatorError(
      `${path} was written by a newer version (format ${version}): upgrade this program`,
    )
  }
  const expected = bytes.slice(HASH_AT, HEADER_BYTES)
  const whole = equalBytes(hashOf(written, bytes, hash), expected)
  bytes.set(expected, HASH_AT)
  return whole && equalBytes(written, bigEndian(position, 8)) ? state : undefined
}

function withHeader({ state, roomBytes = 0 }: NewSnapshot): Uint8Array {
  if (roomBytes >= HEADER_BYTES) {
    const length = HEADER_BYTES + state.length
    return new Uint8Array(state.buffer, state.byteOffset - HEADER_BYTES, length)
  }
  const bytes = new Uint8Array(HEADER_BYTES + state.length)
  bytes.set(state, HEADER_BYTES)
  return bytes
}

/** Of position and state, in one piece: what stands before the state in `bytes` is written over. */
function hashOf(position: Uint8Array, bytes: Uint8Array, hash: Sha256): Uint8Array {
  bytes.set(position, HEADER_BYTES - POSITION_BYTES)
  return hash(bytes.subarray(HEADER_BYTES - POSITION_BYTES))
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
