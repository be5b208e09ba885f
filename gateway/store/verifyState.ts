/**
 * Checks what a store says of its channels: the state is the fold of the journal, and every cold
 * record is whole and belongs to its channel.
 * @module
 */
import type { Disk, KeyValue } from '../../ports/index.ts'
import { present } from '../../protocol/assert.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import { channelStructure, digestOf } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { coldStore } from '../state/cold.ts'
import { decodeEntry } from '../state/entries.ts'
import { decodeState, emptyState, encodeState } from '../state/snapshot.ts'
import type { GatewayState } from '../state/state.ts'
import { applyEntry } from '../state/state.ts'
import { cosignatureOf, type Statements } from '../state/statements.ts'
import type { Seal } from './record.ts'
import { scanJournal } from './recovery.ts'
import type { Snapshot } from './snapshot.ts'
import { readSnapshots } from './snapshot.ts'

export type StateCheck = {
  readonly disk: Disk
  readonly cold: KeyValue
  readonly domain: Domain
  readonly genesis: Uint8Array
  readonly seal: Seal | undefined
  readonly find: (part: string, problem: string) => void
}

/**
 * Folds the journal from the oldest state that is there, compares every snapshot on the way, and
 * answers the state at the end; undefined when there is nothing to begin with.
 */
export async function verifyFold(
  check: StateCheck,
  droppedTo: bigint,
  hash: Sha256,
): Promise<GatewayState | undefined> {
  const { disk, find } = check
  const { snapshots, damaged } = await readSnapshots(disk)
  for (const path of damaged) find(path, 'does not meet its checksum')
  const start = droppedTo === 0n ? undefined : snapshots[0]
  if (droppedTo > 0n && !start) {
    find('snapshot', 'there is no sound one, and the journal is not there from its beginning')
    return undefined
  }
  return fold(check, start, snapshots, hash)
}

async function fold(
  { disk, cold, domain, genesis, seal, find }: StateCheck,
  start: Snapshot | undefined,
  snapshots: readonly Snapshot[],
  hash: Sha256,
): Promise<GatewayState> {
  // Nothing is written: what the fold changes stays in the overlay. From the very beginning not
  // even records that are there already may help.
  const view = coldStore(start ? cold : noRecords)
  const state = start ? decodeState(domain, view, start.state) : emptyState(domain, view)
  const awaited = new Map(snapshots.map((one) => [one.position, one]))
  if (start) awaited.delete(start.position)
  const compare = (position: bigint) => {
    const snapshot = awaited.get(position)
    if (!snapshot) return
    awaited.delete(position)
    const written = decodeState(domain, coldStore(noRecords), snapshot.state)
    const folded = decodeState(domain, coldStore(noRecords), encodeState(state))
    forgetUnwritten(folded.statements, written.statements)
    if (equalBytes(encodeState(folded), encodeState(written))) return
    find('snapshot', `the one of position ${position} is not the fold of the journal`)
  }
  await scanJournal(disk, {
    genesis,
    seal,
    hash,
    after: start?.position ?? 0n,
    onEntry: ({ position, payload }) => {
      applyEntry(state, decodeEntry(payload), Number(position))
      compare(position)
    },
  })
  for (const position of awaited.keys()) {
    find('snapshot', `the one of position ${position} lies beyond the end of the journal`)
  }
  return decodeState(domain, coldStore(cold), encodeState(state))
}

const noRecords: KeyValue = {
  get: () => undefined,
  range: () => [],
  write: async () => {},
  close: async () => {},
}

/**
 * Older programs wrote no co-signatures, and snapshots that followed from theirs lack what was
 * co-signed before. One that the journal does not have stays a difference.
 */
function forgetUnwritten({ cosigned }: Statements, written: Statements): void {
  for (const [name, all] of cosigned) {
    const kept = all.filter(({ value }) => cosignatureOf(written, value))
    if (kept.length > 0) cosigned.set(name, kept)
    else cosigned.delete(name)
  }
}

/** Reads every record of every channel and holds them against each other. */
export function verifyCold({ domain, find }: StateCheck, state: GatewayState): void {
  for (let channel = 0; channel < state.hot.count(); channel++) {
    for (const problem of problemsOf(domain, state, channel)) find(`channel ${channel}`, problem)
  }
}

function* problemsOf(domain: Domain, state: GatewayState, channel: number): Iterable<string> {
  const { cold, hot } = state
  if (!cold.hasChannel(channel)) return yield 'has no record'
  const record = cold.channel(channel)
  const { channelId, fleet, device, slot } = record
  if (!equalBytes(digestOf(domain, channelStructure, record.channel), channelId)) {
    yield 'has an id that is not its digest'
  }
  if (cold.numberOf(channelId) !== channel) yield 'is not found by its id'
  const listed = cold.device(fleet, device)?.channels[slot]
  if (listed === undefined) yield 'belongs to a device that has no record'
  const mandate = cold.mandate(channel)
  const epoch = hot.columns.epoch[channel] ?? 0
  if (epoch === 0) return
  if (!mandate) yield 'was opened without a mandate'
  const commitment = cold.commitment(channel, epoch)
  if (!commitment) return yield `lacks the commitment of epoch ${epoch} that its word belongs to`
  const { value } = commitment
  const base = present(hot.columns.base[channel], 'the channel exists')
  if (value.base !== base || value.length !== hot.columns.length[channel]) {
    yield `has another commitment of epoch ${epoch} than its state says`
  }
}
