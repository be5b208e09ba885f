/**
 * The receipts of one root as the journal and the memory hold them: 46 bytes each and a list of
 * tariffs. All else of them follows from the records of their channels.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import type { Receipt } from '../../protocol/structures.ts'
import { TARIFFS_PER_ROOT_MAX } from './limits.ts'

/** What of a receipt is not the same for ever. */
export type Reached = Omit<Receipt, 'channelId'> & { readonly channel: number }

/** In the order of their channelIds. */
export type PackedReceipts = {
  readonly items: Uint8Array
  /** Hashes of tariffs, 32 bytes each. */
  readonly tariffs: Uint8Array
}

const ITEM_BYTES = 46
const HASH_BYTES = 32

export function countPacked({ items }: PackedReceipts): number {
  return items.length / ITEM_BYTES
}

/** At most `TARIFFS_PER_ROOT_MAX` different tariffs. */
export function packReceipts(reached: readonly Reached[]): PackedReceipts {
  const items = new Uint8Array(reached.length * ITEM_BYTES)
  const view = new DataView(items.buffer)
  const tariffs = new Map<string, { readonly number: number; readonly hash: Uint8Array }>()
  for (const [place, one] of reached.entries()) {
    const at = place * ITEM_BYTES
    view.setUint32(at, one.channel)
    view.setUint32(at + 4, one.epoch)
    view.setUint32(at + 8, one.index)
    view.setBigUint64(at + 12, one.amount)
    view.setBigUint64(at + 20, one.units)
    view.setBigUint64(at + 28, one.register)
    view.setBigUint64(at + 36, BigInt(one.position))
    const name = one.tariffHash.toString()
    const tariff = tariffs.get(name) ?? { number: tariffs.size, hash: one.tariffHash }
    tariffs.set(name, tariff)
    view.setUint16(at + 44, tariff.number)
  }
  assert(tariffs.size <= TARIFFS_PER_ROOT_MAX, 'the receipts of a root are of few tariffs')
  return { items, tariffs: joined([...tariffs.values()].map(({ hash }) => hash)) }
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * HASH_BYTES)
  for (const [place, hash] of hashes.entries()) bytes.set(hash, place * HASH_BYTES)
  return bytes
}

/** The receipt at `place`, without the id of its channel. */
export function unpackReceipt({ items, tariffs }: PackedReceipts, place: number): Reached {
  const view = new DataView(items.buffer, items.byteOffset + place * ITEM_BYTES, ITEM_BYTES)
  const tariffAt = view.getUint16(44) * HASH_BYTES
  return {
    channel: view.getUint32(0),
    epoch: view.getUint32(4),
    index: view.getUint32(8),
    amount: view.getBigUint64(12),
    units: view.getBigUint64(20),
    register: view.getBigUint64(28),
    position: Number(view.getBigUint64(36)),
    tariffHash: tariffs.slice(tariffAt, tariffAt + HASH_BYTES),
  }
}
