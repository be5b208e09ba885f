/**
 * Answers to a device. All of them wait until the state they speak of is durable.
 * @module
 */

import type { RejectedName, SupplyState } from '../../protocol/messages.ts'
import { encodeAccept, encodeSlot } from '../../protocol/messages.ts'
import type { CommitmentReason, TickReason } from '../../protocol/reasons.ts'
import { consequenceOf } from '../../protocol/reasons.ts'
import { TOO_MANY_STRIKES } from '../broker/cooling.ts'
import type { Core } from '../core.ts'
import { isClosed } from '../state/hotChannels.ts'
import { sendAck } from './acks.ts'
import { type EpochStart, lengthCeiling, lengthNow, toldNow } from './fairShare.ts'
import { heldOf, pendingOf, rejectionOf } from './rejection.ts'
import { sendDurable } from './send.ts'
import type { Session } from './session.ts'
import { strike } from './session.ts'
import { supplyOf } from './sessionSupply.ts'

/** Slot number that stands for "your message was too malformed to have one". */
export const NO_SLOT = 255

/** Acknowledges what a slot holds now, once that is durable. */
export function acknowledge(core: Core, session: Session, slot: number, channel: number): void {
  const { epoch, index } = core.state.hot.columns
  const supply = supplyOf(core, session, slot, channel)
  session.supply[slot] = supply
  sendAck(core, session, slot, epoch[channel] ?? 0, index[channel] ?? 0, supply)
}

/** Refuses a message: counted, answered with the held proof, and a strike where it is a fault. */
export function refuse(
  core: Core,
  session: Session,
  slot: number,
  refused: RejectedName,
  reason: TickReason | CommitmentReason,
): void {
  count(core, refused, reason)
  const noted = slot === NO_SLOT ? {} : { slot }
  const event = { what: 'refused', kind: refused, reason, ...noted } as const
  core.trace.note(session.fleet, session.device, event)
  const isFault = consequenceOf(reason) === 'strike'
  const nowMs = core.ports.clock.monotonicMs()
  if (isFault && nowMs < session.mutedUntilMs) return
  const payload = rejectionOf(core, session, { slot, refused, reason })
  sendDurable(core, session, 'reject', () => payload)
  if (!isFault) return
  strike(session, nowMs)
  if (session.condemned) {
    core.writer.whenDurable(() =>
      core.link.disconnect(session.id, `${TOO_MANY_STRIKES}: ${reason}`),
    )
  }
}

function count({ counters }: Core, kind: RejectedName, reason: string): void {
  const { refused, refusedKinds } = counters
  const reasons = refusedKinds.get(kind) ?? new Map<string, number>()
  refusedKinds.set(kind, reasons)
  for (const counts of [refused, reasons]) counts.set(reason, (counts.get(reason) ?? 0) + 1)
}

/** Tells the device that a commitment is durable. */
export function accept(core: Core, session: Session, slot: number, epoch: number): void {
  core.trace.note(session.fleet, session.device, { what: 'committed', epoch, slot })
  sendDurable(core, session, 'accept', () =>
    encodeAccept({ slot, epoch, mark: core.marks.at(core.writer.position()) }),
  )
}

/** What a commitment that begins there may have. */
type Room = { readonly length: number; readonly start: EpochStart }

/**
 * Everything a device needs to go on with one channel. It is told what it may commit to now, unless
 * the caller knows better.
 */
export function sendSlot(core: Core, session: Session, slot: number, room?: Room): void {
  const channel = session.channels[slot]
  if (channel === undefined) return
  const record = core.state.cold.channel(channel)
  const supply: SupplyState = supplyOf(core, session, slot, channel)
  const length = room?.length ?? lengthNow(core, channel, record.unit)
  session.supply[slot] = supply
  session.toldLength.set(slot, toldNow(core, channel, record.unit, length, room?.start))
  const payload = encodeSlot({
    slot,
    channel: record.channel,
    mandate: core.state.cold.mandate(channel),
    held: heldOf(core, channel),
    pending: pendingOf(core, channel),
    maxLength: length,
    supply,
  })
  sendDurable(core, session, 'slot', () => payload)
}

/** Tells a device that was kept short when it may commit to much more. */
export function retellLengths(core: Core, session: Session): void {
  const ceiling = lengthCeiling(core)
  for (const [slot, told] of session.toldLength) {
    const channel = session.channels[slot]
    if (told.length >= ceiling || channel === undefined || isClosed(core.state.hot, channel))
      continue
    const length = lengthNow(core, channel, core.state.cold.channel(channel).unit)
    if (length > 2 * told.length) sendSlot(core, session, slot)
  }
}
