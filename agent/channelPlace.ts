/**
 * Which of a meter's channels is the newest. Positions of an allocation rise and are never given
 * again, so a channel with a lower one was replaced: what came after it was paid elsewhere, and
 * going back to it would pay for those units a second time.
 * @module
 */
import { equalBytes } from '../protocol/bytes.ts'

export type ChannelPlace = {
  /** 32 bytes: the id of the allocation. */
  readonly allocation: Uint8Array
  readonly position: number
}

/** True when `channel` comes before `newest` in one allocation. */
export function wasReplaced(channel: ChannelPlace, newest: ChannelPlace | undefined): boolean {
  if (!newest || !equalBytes(channel.allocation, newest.allocation)) return false
  return channel.position < newest.position
}
