/**
 * The ids of the channels that receipts speak of, and the order of these by them. They are read
 * once for all that is made of them, some in each turn of the event loop: sixteen thousand reads
 * at a time would hold up ticks for half a second.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import { READS_PER_TURN } from './limits.ts'
import type { Reached } from './packed.ts'
import type { NextTurn } from './turns.ts'

const ID_BYTES = 32

/** Ids of 32 bytes, side by side in flat memory. */
export type ChannelIds = { readonly at: (place: number) => Uint8Array }

/** The ids of `channels`, in their order. */
export async function idsOf(
  { state }: Pick<Core, 'state'>,
  channels: readonly number[],
  nextTurn: NextTurn,
): Promise<ChannelIds> {
  const ids = new Uint8Array(channels.length * ID_BYTES)
  for (const [place, channel] of channels.entries()) {
    ids.set(state.cold.channel(channel).channelId, place * ID_BYTES)
    if ((place + 1) % READS_PER_TURN === 0) await nextTurn()
  }
  return idsIn(ids)
}

function idsIn(ids: Uint8Array): ChannelIds {
  return { at: (place) => ids.slice(place * ID_BYTES, (place + 1) * ID_BYTES) }
}

/** In the order of their channelIds, and these. */
export async function inOrder(
  core: Pick<Core, 'state'>,
  reached: readonly Reached[],
  nextTurn: NextTurn,
): Promise<{ readonly ordered: readonly Reached[]; readonly ids: ChannelIds }> {
  const channels = reached.map(({ channel }) => channel)
  const read = await idsOf(core, channels, nextTurn)
  const named = reached.map((one, place) => ({ one, place, name: bytesToHex(read.at(place)) }))
  named.sort((a, b) => (a.name < b.name ? -1 : 1))
  const ids = new Uint8Array(reached.length * ID_BYTES)
  for (const [at, { place }] of named.entries()) ids.set(read.at(place), at * ID_BYTES)
  return { ordered: named.map(({ one }) => one), ids: idsIn(ids) }
}
