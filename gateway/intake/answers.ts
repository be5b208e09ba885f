/**
 * Answers to a device. All of them wait until the state they speak of is durable.
 * @module
 */

import { present } from '../../protocol/assert.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import type { AckEntry, Held, RejectedName, SupplyState } from '../../protocol/messages.ts'
import { encodeAccept, encodeAck, encodeReject, encodeSlot } from '../../protocol/messages.ts'
import type { CommitmentReason, TickReason } from '../../protocol/reasons.ts'
import { consequenceOf } from '../../protocol/reasons.ts'
import type { Commitment, Signed } from '../../protocol/structures.ts'
import type { DownName } from '../../protocol/topics.ts'
import { formatTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import { heldAmount, reservedAmount } from '../state/hotChannels.ts'
import { allocationOf } from '../state/state.ts'
import type { Session } from './session.ts'
import { strike } from './session.ts'
import { supplyOf } from './sessionSupply.ts'

/** Slot number that stands for "your message was too malformed to have one". */
export const NO_SLOT = 255

/** Sends a `down` message to one device. */
export function send(core: Core, session: Session, name: DownName, payload: Uint8Array): void {
  const { fleet, device } = session
  core.link.publish(formatTopic({ kind: 'down', fleet, device, name }), payload, { retain: false })
}

/** The held word with its own commitment; undefined before the channel is opened. */
export function heldOf(core: Core, channel: number): Held | undefined {
  const { hot, cold } = core.state
  const epoch = hot.columns.epoch[channel] ?? 0
  if (epoch === 0) return undefined
  const commitment = present(cold.commitment(channel, epoch), 'a held word has its commitment')
  const word = hot.columns.word.slice(channel * WORD_BYTES, (channel + 1) * WORD_BYTES)
  return { commitment, index: hot.columns.index[channel] ?? 0, word }
}

export function pendingOf(core: Core, channel: number): Signed<Commitment> | undefined {
  const epoch = core.state.hot.columns.pendingEpoch[channel] ?? 0
  return epoch === 0 ? undefined : core.state.cold.commitment(channel, epoch)
}

type AckBatch = { readonly batch: number; readonly entries: Map<number, AckEntry> }
const ackBatches = new WeakMap<Session, AckBatch>()

/**
 * Acknowledges what a slot holds now, once that is durable. All slots that move in one batch share
 * one message, and of one slot only the newest state is told.
 */
export function acknowledge(core: Core, session: Session, slot: number, channel: number): void {
  const { columns } = core.state.hot
  const supply = supplyOf(core, session, slot, channel)
  session.supply.set(slot, supply)
  const entry: AckEntry = {
    slot,
    epoch: columns.epoch[channel] ?? 0,
    index: columns.index[channel] ?? 0,
    supply,
  }
  const open = ackBatches.get(session)
  if (open && open.batch === core.writer.batch()) {
    open.entries.set(slot, entry)
    return
  }
  const entries = new Map([[slot, entry]])
  ackBatches.set(session, { batch: core.writer.batch(), entries })
  core.writer.whenDurable(() => {
    const mark = core.marks.at(core.writer.position())
    send(core, session, 'ack', encodeAck({ mark, entries: [...entries.values()] }))
  })
}

/** Refuses a message: counted, answered with the held proof, and a strike where it is a fault. */
export function refuse(
  core: Core,
  session: Session,
  slot: number,
  refused: RejectedName,
  reason: TickReason | CommitmentReason,
): void {
  core.counters.refused.set(reason, (core.counters.refused.get(reason) ?? 0) + 1)
  const channel = session.greeted ? session.channels[slot] : undefined
  const held = channel === undefined ? undefined : heldOf(core, channel)
  const pending = channel === undefined ? undefined : pendingOf(core, channel)
  const payload = encodeReject({ slot, refused, reason, held, pending })
  core.writer.whenDurable(() => send(core, session, 'reject', payload))
  if (consequenceOf(reason) !== 'strike') return
  if (strike(session, core.ports.clock.monotonicMs())) {
    core.writer.whenDurable(() => core.link.disconnect(session.id, `too many strikes: ${reason}`))
  }
}

/** Tells the device that a commitment is durable. */
export function accept(core: Core, session: Session, slot: number, epoch: number): void {
  core.writer.whenDurable(() => {
    const mark = core.marks.at(core.writer.position())
    send(core, session, 'accept', encodeAccept({ slot, epoch, mark }))
  })
}

/** Everything a device needs to go on with one channel. */
export function sendSlot(core: Core, session: Session, slot: number): void {
  const channel = session.channels[slot]
  if (channel === undefined) return
  const record = core.state.cold.channel(channel)
  const supply: SupplyState = supplyOf(core, session, slot, channel)
  session.supply.set(slot, supply)
  const payload = encodeSlot({
    slot,
    channel: record.channel,
    mandate: core.state.cold.mandate(channel),
    held: heldOf(core, channel),
    pending: pendingOf(core, channel),
    maxLength: maxLengthOf(core, channel, record.unit),
    supply,
  })
  core.writer.whenDurable(() => send(core, session, 'slot', payload))
}

/**
 * The longest epoch that the gateway would accept now: this channel's fair share of what is free
 * in the allocation, beside what it has reserved already.
 */
export function maxLengthOf(core: Core, channel: number, unit: string): number {
  const { state } = core
  const tariff = core.tariffs.inForce(unit, core.writer.seconds())
  if (!tariff) return 0
  const ceiling = Math.min(EPOCH_LENGTH_TICKS_MAX, core.ledger.maxTail)
  if (tariff.pricePerTick === 0n) return ceiling
  const use = allocationOf(state, channel)
  const free = core.funds.available(use.id) - use.reserved
  const share = (free > 0n ? free : 0n) / BigInt(Math.max(1, use.openChannels))
  const held = heldAmount(state.hot, channel)
  const paid = state.hot.columns.paid[channel] ?? 0n
  const unpaid = held > paid ? held - paid : 0n
  const own = reservedAmount(state.hot, channel) - unpaid
  const ticks = (share + (own > 0n ? own : 0n)) / tariff.pricePerTick
  return ticks < BigInt(ceiling) ? Number(ticks) : ceiling
}
