/**
 * What the reasons of refusals mean to people, in a few words.
 * @module
 */
import type { CommitmentReason, TickReason } from '../protocol/reasons.ts'

const texts: Readonly<Record<TickReason | CommitmentReason, string>> = {
  malformed: 'it is not of the form that the protocol gives',
  unknown_channel: 'the device has no such channel here',
  stale: 'what it shows was paid already, which is harmless',
  unknown_epoch: 'the commitment that it belongs to is not known',
  expired: 'the mandate has ended: the fleet has to renew it',
  closed: 'the channel was closed, and nothing is paid through it any more',
  out_of_range: 'it is past the end of what was committed to',
  needs_checkpoint: 'it is too far ahead of the last one: the device has to sign again',
  slow_down: 'too many hashes at once: the device tries again later',
  bad_word: 'its hash does not lead to the last accepted one',
  epoch_taken: 'another commitment has that number',
  bad_signature: 'it was not signed with the key of the device',
  tariff_not_in_force: 'its tariff is not in force',
  wrong_price: 'its price is not that of its tariff',
  no_mandate: 'the fleet has signed no mandate for the channel',
  expiry_too_late: 'it would outlive its mandate or its tariff',
  over_mandate: 'it could come to more than the mandate allows',
  too_long: 'it is for more ticks than the gateway takes at a time',
  no_funds: 'the fleet has not set aside enough',
  not_continuous: 'it does not begin where the one before it ended',
}

/** Undefined for reasons of another version. */
export function reasonText(reason: string): string | undefined {
  return Object.hasOwn(texts, reason) ? texts[reason as keyof typeof texts] : undefined
}
