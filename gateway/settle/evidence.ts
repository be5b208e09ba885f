/**
 * The evidence for one channel as a ledger wants it.
 * @module
 */
import type { Claim, ClaimLeaf } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { amountAt } from '../../protocol/channel.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { evidenceFor } from '../mandates.ts'
import type { SettlementItem } from '../state/events.ts'

/** The state of a channel, to be shown to the ledger. */
export function itemOf(core: Core, channel: number): SettlementItem {
  const { columns } = core.state.hot
  return {
    channel,
    epoch: columns.epoch[channel] ?? 0,
    index: columns.index[channel] ?? 0,
    word: columns.word.slice(channel * WORD_BYTES, (channel + 1) * WORD_BYTES),
  }
}

/** The evidence for one channel: its mandate, the held word's own commitment, and the word. */
export function claimOf(core: Core, item: SettlementItem): Claim {
  const { cold } = core.state
  const commitment = present(
    cold.commitment(item.channel, item.epoch),
    'a settlement item has its commitment',
  )
  if (item.index === 0) {
    const isEvidence = commitment.value.kind === CHECKPOINT
    present(isEvidence || undefined, 'a renewal without a word of its own is never claimed')
  }
  return {
    channel: cold.channel(item.channel).channel,
    mandate: evidenceFor(core, item.channel, amountAt(commitment.value, item.index)),
    commitment,
    index: item.index,
    word: item.word,
    ...withLeaf(core.leafProofs.leafOf(item.channel)),
  }
}

const withLeaf = (leaf: ClaimLeaf | undefined) => (leaf ? { leaf } : {})
