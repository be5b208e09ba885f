/**
 * Intake of commitments: the one that opens a channel, renewals and checkpoints.
 * @module
 */

import { present } from '../../protocol/assert.ts'
import { concatBytes, equalBytes } from '../../protocol/bytes.ts'
import type { CommitmentContext } from '../../protocol/commitmentRules.ts'
import { checkCommitment } from '../../protocol/commitmentRules.ts'
import { algorithms, parsePublicKey } from '../../protocol/keys.ts'
import { decodeCommit } from '../../protocol/messages.ts'
import type { Channel, Tariff } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { isClosed, promisedAmount, worstAmount } from '../state/hotChannels.ts'
import { accept, NO_SLOT, refuse, sendSlot } from './answers.ts'
import { freeAmount, lengthCeiling, lengthFrom, lengthNow, lengthTold } from './fairShare.ts'
import { heldOf, pendingOf } from './rejection.ts'
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
  const told = lengthTold(core, channel, session.toldLength.get(slot), commitment.value)
  const length = Math.max(told, lengthFrom(core, channel, commitment.value))
  const context = contextOf(core, channel, tariff, length)
  const verdict = checkCommitment(context, commitment, core.verify)
  if (verdict === 'accepted') {
    const creditTicks = present(tariff, 'an accepted commitment names a tariff').creditTicks
    core.writer.record({ kind: 'commitment', channel, commitment, creditTicks })
  }
  if (verdict === 'accepted' || verdict === 'repeated') {
    accept(core, session, slot, commitment.value.epoch)
    // What it was told counted from before this; where money is short its next one must know.
    const { unit } = core.state.cold.channel(channel)
    if (lengthNow(core, channel, unit) < lengthCeiling(core)) sendSlot(core, session, slot)
    tellSupply(core, session)
    return
  }
  refuse(core, session, slot, name, verdict)
  // Its share may have shrunk since the device was told, and depends on where it begins.
  if (verdict !== 'no_funds' && verdict !== 'too_long') return
  const start = commitment.value
  sendSlot(core, session, slot, { length: lengthFrom(core, channel, start), start })
}

function contextOf(
  core: Core,
  channel: number,
  tariff: Tariff | undefined,
  length: number,
): CommitmentContext {
  const { state } = core
  const record = state.cold.channel(channel)
  const held = heldOf(core, channel)
  // What no word can reach any more is not reserved, although its commitment is still there.
  const released = worstAmount(state.hot, channel) - promisedAmount(state.hot, channel)
  return {
    domain: state.domain,
    channelId: record.channelId,
    payerKey: payerKeyOf(record.channel),
    closed: isClosed(state.hot, channel),
    held: held && { commitment: held.commitment.value, index: held.index },
    pending: pendingOf(core, channel)?.value,
    mandate: state.cold.mandate(channel)?.value,
    tariff: tariff && fits(tariff, record.channel, record.unit) ? tariff : undefined,
    // Where not even one tick fits, the length is not what is wrong.
    maxLength: length >= 1 ? length : lengthCeiling(core),
    free: freeAmount(core, channel) - released,
    nowSeconds: core.writer.seconds(),
  }
}

/** True when a tariff is meant for such a channel. */
export function fits(tariff: Tariff, channel: Channel, unit: string): boolean {
  return (
    tariff.unit === unit &&
    tariff.assetCode === channel.assetCode &&
    tariff.assetScale === channel.assetScale &&
    tariff.gateway === channel.gateway &&
    equalBytes(tariff.payee, channel.payee)
  )
}

/** The payer's key that is pinned in a channel. */
export function payerKeyOf(channel: Channel) {
  const algorithm = new Uint8Array([channel.payerAlgorithm])
  const key = parsePublicKey(concatBytes(algorithm, channel.payerKey))
  return present(key, `a channel's payer key is sound (${algorithms.join(', ')})`)
}
