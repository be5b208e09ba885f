/**
 * The id of a channel is a digest of 45 us, and whoever opens one asks for it more than once.
 * @module
 */
import type { Channel } from '../../protocol/structures.ts'
import { channelStructure, digestOf } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'

const known = new WeakMap<Channel, { readonly domain: Domain; readonly id: Uint8Array }>()

/** The EIP-712 digest of `channel`, kept as long as that very object; not to be written to. */
export function channelIdOf(domain: Domain, channel: Channel): Uint8Array {
  const before = known.get(channel)
  if (before?.domain === domain) return before.id
  const id = digestOf(domain, channelStructure, channel)
  known.set(channel, { domain, id })
  return id
}
