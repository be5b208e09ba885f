/**
 * A gateway's whole state as text, so that two of them can be compared, and the state that a disk
 * and a cold store lead to without starting a gateway.
 */
import { openState } from '../../gateway/state/open.ts'
import { decodeState, encodeState } from '../../gateway/state/snapshot.ts'
import type { GatewayState } from '../../gateway/state/state.ts'
import { readMeta } from '../../gateway/store/meta.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, concatBytes } from '../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import type { MemoryDisk } from './memoryDisk.ts'
import { memoryDisk } from './memoryDisk.ts'
import type { MemoryKeyValue } from './memoryKeyValue.ts'
import { memoryKeyValue } from './memoryKeyValue.ts'
import type { World } from './virtualGateway.ts'

/**
 * Everything the journal leads to, as text: hot state, fleets, allocations and what is cold,
 * without hash budgets (which are not restored) and lives (which grow at each start).
 */
export function textOf(state: GatewayState): string {
  const copy = decodeState(state.domain, state.cold, encodeState(state))
  copy.lives.length = 0
  const counted = copy.allocations.map(({ reserved, openChannels }, place) => {
    const live = present(state.allocations[place], 'the same allocations')
    return [reserved === live.reserved, openChannels === live.openChannels]
  })
  return JSON.stringify(
    {
      hot: bytesToHex(encodeState(copy)),
      countedAgain: counted.flat().every((same) => same),
      cold: coldOf(state),
    },
    plain,
  )
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Uint8Array ? bytesToHex(value) : value
}

/** What is cold of every channel, whether it is written yet or not. */
function coldOf({ hot, cold }: GatewayState): unknown {
  return Array.from({ length: hot.count() }, (_, number) => {
    const record = cold.channel(number)
    const { epoch, pendingEpoch } = hot.columns
    return [
      record,
      cold.numberOf(record.channelId) === number,
      cold.device(record.fleet, record.device),
      cold.mandate(number) ?? null,
      cold.cover(number) ?? null,
      cold.commitment(number, epoch[number] ?? 0) ?? null,
      cold.commitment(number, pendingEpoch[number] ?? 0) ?? null,
    ]
  })
}

/** A snapshot's state as an older program wrote it: without the last field of its row. */
export function withoutLastField(state: Uint8Array): Uint8Array {
  const lengthBytes = 4
  const end = lengthBytes + new DataView(state.buffer, state.byteOffset).getUint32(0)
  const row = decodeCbor(state.subarray(lengthBytes, end), state.length)
  if (!Array.isArray(row)) throw new Error('a snapshot is a row')
  const small = encodeCbor(row.slice(0, -1))
  const length = new Uint8Array(lengthBytes)
  new DataView(length.buffer).setUint32(0, small.length)
  return concatBytes(length, small, state.subarray(end))
}

/** What is stored of one channel, as text; its hash budget is no part of it. */
export function describeChannel({ hot, cold }: GatewayState, channel: number): string {
  const columns = Object.entries(hot.columns).filter(([name]) => !name.startsWith('hash'))
  const capacity = hot.columns.epoch.length
  const values = columns.map(([name, column]) => {
    const width = column.length / capacity
    const own = column.subarray(channel * width, (channel + 1) * width)
    return [name, Array.from(own as ArrayLike<number | bigint>)]
  })
  const { epoch, pendingEpoch } = hot.columns
  return JSON.stringify(
    [
      values,
      cold.channel(channel),
      cold.mandate(channel) ?? null,
      cold.cover(channel) ?? null,
      cold.commitment(channel, epoch[channel] ?? 0) ?? null,
      cold.commitment(channel, pendingEpoch[channel] ?? 0) ?? null,
    ],
    plain,
  )
}

export function stateOf(world: World): string {
  return textOf(world.gateway.core.state)
}

const everyKey = [new Uint8Array(0), new Uint8Array(64).fill(255)] as const

/** A copy of everything that a gateway and its ledger keep. */
export type Backup = {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly cold: readonly (readonly [Uint8Array, Uint8Array])[]
  readonly ledger: readonly (readonly [Uint8Array, Uint8Array])[]
}

export function backUp({ disk, coldStore, ledgerStore }: World): Backup {
  return {
    files: new Map(disk.paths().map((path) => [path, present(disk.bytes(path), 'a file')])),
    cold: everyEntry(coldStore),
    ledger: everyEntry(ledgerStore),
  }
}

/** Puts the gateway's own stores back as they were; the ledger's are a world of their own. */
export async function restore(world: World, backup: Backup): Promise<void> {
  for (const path of world.disk.paths()) await world.disk.remove(path)
  for (const [path, bytes] of backup.files) world.disk.put(path, bytes)
  await refill(world.coldStore, backup.cold)
}

/** All that a store holds. */
export function everyEntry(store: MemoryKeyValue): Backup['cold'] {
  return [...store.range(...everyKey)]
}

/** Puts former contents in place of all that a store holds. */
export async function refill(store: MemoryKeyValue, entries: Backup['cold']): Promise<void> {
  await store.write(everyEntry(store).map(([key]) => [key, undefined] as const))
  await store.write(entries)
}

/** The state that a copy of the disk leads to; without snapshots from the journal alone. */
export async function recoveredText(
  world: World,
  from: 'snapshot and tail' | 'journal alone',
): Promise<string> {
  const { files, cold } = backUp(world)
  const disk: MemoryDisk = memoryDisk()
  for (const [path, bytes] of files) {
    if (from === 'snapshot and tail' || !path.startsWith('snapshot/')) disk.put(path, bytes)
  }
  const store = memoryKeyValue()
  if (from === 'snapshot and tail') await refill(store, cold)
  const { storeId } = present(await readMeta(disk), 'a store')
  const { domain } = world.ledger
  const { state } = await openState({ disk, store, domain, genesis: fastSha256(storeId) })
  return textOf(state)
}
