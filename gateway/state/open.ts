/**
 * Opening the state: newest snapshot, then the journal's tail.
 * @module
 */
import type { Disk, KeyValue } from '../../ports/index.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { Journal } from '../store/journal.ts'
import { openJournal } from '../store/journal.ts'
import { readNewestSnapshot, writeSnapshot } from '../store/snapshot.ts'
import { coldStore } from './cold.ts'
import { decodeEntry } from './entries.ts'
import { decodeState, emptyState, encodeState } from './snapshot.ts'
import type { GatewayState } from './state.ts'
import { applyEntry } from './state.ts'

export type OpenedState = { readonly state: GatewayState; readonly journal: Journal }

export async function openState(options: {
  readonly disk: Disk
  readonly store: KeyValue
  readonly domain: Domain
  /** 32 bytes that the journal's first record follows. */
  readonly genesis: Uint8Array
}): Promise<OpenedState> {
  const { disk, domain, genesis } = options
  const cold = coldStore(options.store)
  const { snapshot } = await readNewestSnapshot(disk)
  const state = snapshot ? decodeState(domain, cold, snapshot.state) : emptyState(domain, cold)
  const journal = await openJournal(disk, {
    genesis,
    after: snapshot?.position ?? 0n,
    onEntry: ({ position, payload }) => applyEntry(state, decodeEntry(payload), Number(position)),
  })
  cold.seal()
  await cold.write()
  return { state, journal }
}

/** Writes a snapshot; `position` is the journal position that the state has reached. */
export async function writeState(disk: Disk, state: GatewayState, position: number): Promise<void> {
  await writeSnapshot(disk, { position: BigInt(position), state: encodeState(state) })
}
