/**
 * The epoch in which an import opens a channel. Its words follow from the channel's id, so that
 * whoever plays the device later has them too.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Terms } from '../../protocol/chain.ts'
import { bindOf } from '../../protocol/chain.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import type { GatewayPlan, OpenedPlan } from './messages.ts'
import { type SparseChain, sparseChain } from './words.ts'

/** The terms of the commitment that opened a channel, and its chain. */
export function openedChain(
  channelId: Uint8Array,
  plan: GatewayPlan,
  opened: OpenedPlan,
): { readonly terms: Terms; readonly chain: SparseChain } {
  const { unitsPerTick, pricePerTick, tariffHash } = plan
  const { length, issuedAt, expiry } = opened
  const terms = {
    kind: CHECKPOINT,
    channelId,
    epoch: 1,
    base: 0n,
    length,
    unitsPerTick,
    pricePerTick,
    startReading: 0n,
    tariffHash,
    issuedAt,
    expiry,
  }
  const last = createHash('sha256').update('bench word').update(channelId).digest()
  return { terms, chain: sparseChain(bindOf(terms), last, length) }
}
