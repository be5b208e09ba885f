/**
 * Intake of commitments: the one that opens a channel, renewals and checkpoints.
 * @module
 */

import { present } from '../../protocol/assert.ts'
import { concatBytes } from '../../protocol/bytes.ts'
import type { CommitmentContext } from '../../protocol/commitmentRules.ts'
import { checkCommitment } from '../../protocol/commitmentRules.ts'
import { algorithms, parsePublicKey } from '../../protocol/keys.ts'
import { decodeCommit } from '../../protocol/messages.ts'
import type { Channel, Tariff } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { isClosed } from '../state/hotChannels.ts'
import { allocationOf } from '../state/state.ts'
import { accept, heldOf, NO_SLOT, pendingOf, refuse, sendSlot } from './answers.ts'
import type { Session } from './session.ts'
import { channelOf } from './session.ts'
import { tellSupply } from './sessionSupply.ts'

/** Deals with `up/open` or `up/commit`; both obey the same table. */
export function takeCommit(
  core: Core,
  session: Session,
  name: 'open' | 'commit',
  payload: Uint8Array,
): void {
  const commit = decodeCommit(payload)
  if (!commit) {
    refuse(core, session, NO_SLOT, name, 'malformed')
    return
  }
  const { slot, commitment } = commit
  const channel = channelOf(session, slot)
  if (channel === undefined) {
    refuse(core, session, slot, name, 'unknown_channel')
    return
  }
  const tariff = core.tariffs.byHash(commitment.value.tariffHash)
  const context = contextOf(core, channel, tariff)
  const verdict = checkCommitment(context, commitment, core.verify)
  if (verdict === 'accepted') {
    const creditTicks = present(tariff, 'an accepted commitment names a tariff').creditTicks
    core.writer.record({ kind: 'commitment', channel, commitment, creditTicks })
  }
  if (verdict === 'accepted' || verdict === 'repeated') {
    accept(core, session, slot, commitment.value.epoch)
    tellSupply(core, session)
    return
  }
  refuse(core, session, slot, name, verdict)
  // A share of the free allocation may have shrunk since the device was told.
  if (verdict === 'no_funds' || verdict === 'too_long') sendSlot(core, session, slot)
}

function contextOf(core: Core, channel: number, tariff: Tariff | undefined): CommitmentContext {
  const { state } = core
  const record = state.cold.channel(channel)
  const held = heldOf(core, channel)
  const use = allocationOf(state, channel)
  const matches = tariff && fits(tariff, record.channel, record.unit)
  return {
    domain: state.domain,
    channelId: record.channelId,
    payerKey: payerKeyOf(record.channel),
    closed: isClosed(state.hot, channel),
    held: held && { commitment: held.commitment.value, index: held.index },
    pending: pendingOf(core, channel)?.value,
    mandate: state.cold.mandate(channel)?.value,
    tariff: matches ? tariff : undefined,
    maxLength: core.ledger.maxTail,
    free: core.funds.available(use.id) - use.reserved,
    nowSeconds: core.writer.seconds(),
  }
}

function fits(tariff: Tariff, channel: Channel, unit: string): boolean {
  return (
    tariff.unit === unit &&
    tariff.assetCode === channel.assetCode &&
    tariff.assetScale === channel.assetScale
  )
}

/** The payer's key that is pinned in a channel. */
export function payerKeyOf(channel: Channel) {
  const algorithm = new Uint8Array([channel.payerAlgorithm])
  const key = parsePublicKey(concatBytes(algorithm, channel.payerKey))
  return present(key, `a channel's payer key is sound (${algorithms.join(', ')})`)
}
