/**
 * Which of a meter's channels is the newest. Positions of an allocation rise, so a channel with a
 * lower one was replaced: what came after it was paid elsewhere, and going back to it would pay for
 * those units a second time. Only a gateway that came from a backup gives a position again, if the
 * ledger has paid nothing there: so of one position the channels that were left are remembered.
 * @module
 */
import { equalBytes } from '../protocol/bytes.ts'

export type ChannelPlace = {
  /** 32 bytes: the id of the allocation. */
  readonly allocation: Uint8Array
  readonly position: number
}

/** The newest channel; records of earlier versions have its place alone. */
export type NewestChannel = ChannelPlace & {
  /** 32 bytes. */
  readonly channelId?: Uint8Array
  /** Ids of other channels at the same position, each of which another has replaced. */
  readonly left?: readonly Uint8Array[]
}

/** Restores of one gateway between two payments of its ledger; more are not remembered. */
export const CHANNELS_LEFT_MAX = 16

/** True when `channel` comes before `newest` in one allocation, or was left for it. */
export function wasReplaced(
  channel: ChannelPlace,
  channelId: Uint8Array,
  newest: NewestChannel | undefined,
): boolean {
  if (!newest || !equalBytes(channel.allocation, newest.allocation)) return false
  if (channel.position === newest.position) return isIn(newest.left ?? [], channelId)
  return channel.position < newest.position
}

/** `channel`, with what it leaves behind at its position. */
export function newestAfter(
  { allocation, position }: ChannelPlace,
  channelId: Uint8Array,
  before: NewestChannel | undefined,
): NewestChannel {
  const isSamePlace =
    before !== undefined &&
    before.position === position &&
    equalBytes(before.allocation, allocation)
  if (!isSamePlace) return { allocation, position, channelId }
  const { channelId: last, left = [] } = before
  const isLeft = last !== undefined && !equalBytes(last, channelId)
  const all = isLeft ? [...left, last].slice(-CHANNELS_LEFT_MAX) : left
  return { allocation, position, channelId, ...(all.length > 0 && { left: all }) }
}

function isIn(ids: readonly Uint8Array[], id: Uint8Array): boolean {
  return ids.some((one) => equalBytes(one, id))
}
