/**
 * The closed list of reasons: why a message was refused, in order of precedence, and why supply is
 * not on. A refusal is a value, never an exception, and changes no state.
 * @module
 */

/** What a refusal means for the session and what the device should do next. */
export type Consequence =
  /** Harmless: answered with the held state. */
  | 'benign'
  /** The device should open the channel, or enrol. */
  | 'open'
  /** The device should send the commitment that is missing. */
  | 'send_commitment'
  /** The device should send a checkpoint before its next tick. */
  | 'send_checkpoint'
  /** The device should resume from the held proof and try again. */
  | 'resume'
  /** The device should wait and send its newest tick later. */
  | 'wait'
  /** The fleet has to renew the mandate or raise a limit. */
  | 'ask_fleet'
  /** The channel has ended. */
  | 'end'
  /** A fault of the sender: three in 60 s close the session. */
  | 'strike'

/** Checks on a tick, cheapest first. The order is API. */
export const tickReasons = {
  malformed: 'strike',
  unknown_channel: 'open',
  stale: 'benign',
  unknown_epoch: 'send_commitment',
  expired: 'ask_fleet',
  closed: 'end',
  out_of_range: 'strike',
  needs_checkpoint: 'send_checkpoint',
  slow_down: 'wait',
  bad_word: 'strike',
} as const satisfies Record<string, Consequence>

/** Checks on a commitment (open, renewal, checkpoint), in order. The order is API. */
export const commitmentReasons = {
  malformed: 'strike',
  unknown_channel: 'open',
  epoch_taken: 'resume',
  closed: 'end',
  bad_signature: 'strike',
  tariff_not_in_force: 'resume',
  wrong_price: 'resume',
  no_mandate: 'ask_fleet',
  expired: 'ask_fleet',
  expiry_too_late: 'resume',
  over_mandate: 'ask_fleet',
  too_long: 'resume',
  no_funds: 'ask_fleet',
  not_continuous: 'resume',
} as const satisfies Record<string, Consequence>

/** Why a request of a fleet is not carried out, in order of precedence. The order is API. */
export const commandReasons = [
  'malformed',
  'unknown_verb',
  'missing_right',
  'second_factor',
  'slow_down',
  'wrong_gateway',
  'wrong_fleet',
  'wrong_arguments',
  'not_yet',
  'expired',
  'nonce_used',
  'bad_signature',
  'out_of_scope',
  'not_possible',
] as const
export type CommandReason = (typeof commandReasons)[number]

export type TickReason = keyof typeof tickReasons
export type CommitmentReason = keyof typeof commitmentReasons

/** Why a CONNECT is refused, in order of precedence. */
export const connectReasons = [
  'malformed',
  'bad_client_id',
  'wrong_gateway',
  'unknown_device',
  'bad_signature',
  'nonce_reused',
  'bad_credential',
] as const
export type ConnectReason = (typeof connectReasons)[number]

/** Why supply is limited or off; `ok` when it is on. */
export const supplyReasons = [
  'ok',
  'not_paying',
  'paused',
  'over_limit',
  'fenced',
  'mandate_expired',
  'commitment_expired',
  'no_mandate',
  'no_space',
  'clone_suspected',
  'closed',
  'price_ceiling',
  'mandate_not_yet',
] as const
export type SupplyReason = (typeof supplyReasons)[number]

/** on: up to the credit window; limited: up to what is paid; off: the relay opens now. */
export const supplyLevels = ['off', 'limited', 'on'] as const
export type SupplyLevel = (typeof supplyLevels)[number]

export type Supply = { readonly level: SupplyLevel; readonly reason: SupplyReason }

const consequences = { ...tickReasons, ...commitmentReasons }

/** What follows from a refusal of a tick or a commitment. */
export function consequenceOf(reason: TickReason | CommitmentReason): Consequence {
  return consequences[reason]
}
