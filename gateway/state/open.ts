/**
 * Opening the state: newest snapshot, then the journal's tail.
 * @module
 */
import type { Disk, KeyValue } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { Journal } from '../store/journal.ts'
import { openJournal } from '../store/journal.ts'
import type { Seal } from '../store/record.ts'
import { readNewestSnapshot, SNAPSHOT_ROOM_BYTES, writeSnapshot } from '../store/snapshot.ts'
import { coldStore } from './cold.ts'
import { decodeEntry, visitMoves } from './entries.ts'
import { decodeState, emptyState } from './snapshot.ts'
import type { GatewayState } from './state.ts'
import { applyEntry, applyStep } from './state.ts'
import type { Writer } from './writer.ts'

export type OpenedState = { readonly state: GatewayState; readonly journal: Journal }

export async function openState(options: {
  readonly disk: Disk
  readonly store: KeyValue
  readonly domain: Domain
  /** 32 bytes that the journal's first record follows. */
  readonly genesis: Uint8Array
  /** Hashes the journal's records; the reference without it. */
  readonly sha256?: Sha256
  /** Seals the journal's records. */
  readonly seal?: Seal | undefined
}): Promise<OpenedState> {
  const { disk, domain, genesis, seal } = options
  const cold = coldStore(options.store)
  const { snapshot } = await readNewestSnapshot(disk, options.sha256)
  const state = snapshot ? decodeState(domain, cold, snapshot.state) : emptyState(domain, cold)
  const journal = await openJournal(disk, {
    genesis,
    seal,
    hash: options.sha256,
    after: snapshot?.position ?? 0n,
    onEntry: ({ position, payload }) => replay(state, payload, Number(position)),
  })
  cold.seal()
  await cold.write()
  const count = state.hot.count()
  if (count > 0 && !cold.hasChannel(count - 1)) {
    throw new OperatorError(
      'the database "cold" lacks what the journal speaks of: restore the store from a backup',
    )
  }
  return { state, journal }
}

/** Moves, which are nearly all, are read where they lie, without an object for each. */
function replay(state: GatewayState, entry: Uint8Array, position: number): void {
  const isMoves = visitMoves(entry, (channel, step, seconds) => {
    applyStep(state, channel, step, seconds)
  })
  if (!isMoves) applyEntry(state, decodeEntry(entry), position)
}

/**
 * Writes a snapshot of this moment once the journal holds what led to it, and drops the segments
 * that not even the snapshot before it needs. Returns the position for the next call.
 */
export async function writeState(
  disk: Disk,
  writer: Writer,
  journal: Journal,
  previous: number,
  hash: Sha256,
): Promise<number> {
  const { position, state } = writer.freeze()
  await writer.drained()
  const roomBytes = SNAPSHOT_ROOM_BYTES
  await writeSnapshot(disk, { position: BigInt(position), state, roomBytes }, hash)
  await journal.dropBefore(BigInt(previous))
  return position
}
