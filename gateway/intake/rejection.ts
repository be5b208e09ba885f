/**
 * The answer to what is refused. A device that is refused the same thing again and again, honest or
 * not, must not cost more than a good one: as long as what is held has not moved, the answer is the
 * one that it got before. Made anew it takes 60 us, most of it for the held commitment.
 * @module
 */
import { present } from '../../protocol/assert.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import type { Held, RejectedName } from '../../protocol/messages.ts'
import { encodeReject } from '../../protocol/messages.ts'
import type { CommitmentReason, TickReason } from '../../protocol/reasons.ts'
import type { Commitment, Signed } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import type { Session } from './session.ts'

export type Refusal = {
  readonly slot: number
  readonly refused: RejectedName
  readonly reason: TickReason | CommitmentReason
}

/** What the answer speaks of beside the refusal itself. */
type Subject = Refusal & {
  readonly channel: number | undefined
  readonly epoch: number
  readonly index: number
  readonly pendingEpoch: number
}

/** The last answer to a session. */
export type Rejection = { readonly subject: Subject; readonly payload: Uint8Array }

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

/** The bytes of `down/reject`. */
export function rejectionOf(core: Core, session: Session, refusal: Refusal): Uint8Array {
  const subject = subjectOf(core, session, refusal)
  const { rejection } = session
  if (rejection && isSame(rejection.subject, subject)) return rejection.payload
  const { channel } = subject
  const held = channel === undefined ? undefined : heldOf(core, channel)
  const pending = channel === undefined ? undefined : pendingOf(core, channel)
  const payload = encodeReject({ ...refusal, held, pending })
  session.rejection = { subject, payload }
  return payload
}

function subjectOf(core: Core, session: Session, refusal: Refusal): Subject {
  const channel = session.greeted ? session.channels[refusal.slot] : undefined
  const { epoch, index, pendingEpoch } = core.state.hot.columns
  const at = (column: Uint32Array) => (channel === undefined ? 0 : (column[channel] ?? 0))
  const { slot, refused, reason } = refusal
  return {
    slot,
    refused,
    reason,
    channel,
    epoch: at(epoch),
    index: at(index),
    pendingEpoch: at(pendingEpoch),
  }
}

/** A word and a commitment never change: their channel, epoch and index name them. */
function isSame(a: Subject, b: Subject): boolean {
  return (
    a.channel === b.channel &&
    a.slot === b.slot &&
    a.epoch === b.epoch &&
    a.index === b.index &&
    a.pendingEpoch === b.pendingEpoch &&
    a.reason === b.reason &&
    a.refused === b.refused
  )
}
