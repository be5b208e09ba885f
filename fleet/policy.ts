/**
 * What a fleet allows its devices, and which mandates follow from that: a pure function of policy,
 * reports and time.
 * @module
 */

import { present } from '../protocol/assert.ts'
import { parseHex } from '../protocol/bytes.ts'
import { AMOUNT_MAX, CLAIM_WINDOW_SECONDS, CLOCK_TOLERANCE_SECONDS } from '../protocol/limits.ts'
import type { Mandate } from '../protocol/structures.ts'
import { type AmountText, minorUnits } from './amountText.ts'
import type { ChannelReport } from './reports.ts'

/** How much one channel may come to. */
export type Allowance = {
  /** What may be owed beyond what was accepted when a mandate is signed. */
  readonly limit: AmountText
  /** What may be owed within one day (UTC). */
  readonly limitPerDay: AmountText
}

export type Policy = {
  /** For devices that are not listed; undefined: they get no mandate. */
  readonly default: Allowance | undefined
  /** By device; undefined forbids that device. */
  readonly devices: ReadonlyMap<string, Allowance | undefined>
  /** From signing to expiry; renewed at half of it. */
  readonly lifeSeconds: number
}

/** What the policy says of one channel now. */
export type Decision =
  | { readonly kind: 'sign'; readonly mandate: Mandate }
  /** `nothing_due` until shortly before the expiry; the others need the fleet manager. */
  | { readonly kind: 'nothing_due' | 'not_allowed' | 'wrong_asset' | 'closed' }

/**
 * Decides about one channel. `signed` is the newest mandate that this fleet signed for it in this
 * run, which the report may not show yet.
 */
export function decide(
  policy: Policy,
  channel: ChannelReport,
  signed: Mandate | undefined,
  nowSeconds: number,
): Decision {
  if (channel.state === 'closed') return { kind: 'closed' }
  const { devices } = policy
  const allowance = devices.has(channel.device) ? devices.get(channel.device) : policy.default
  if (allowance === undefined) return { kind: 'not_allowed' }
  const headroom = minorUnits(allowance.limit, channel.asset)
  const limitPerDay = minorUnits(allowance.limitPerDay, channel.asset)
  if (headroom === undefined || limitPerDay === undefined) return { kind: 'wrong_asset' }
  const known = newer(channel.mandate, signed)
  const wanted = { limit: smaller(channel.paid + headroom, AMOUNT_MAX), limitPerDay }
  if (known !== undefined && !isDue(policy, known, wanted, nowSeconds)) {
    return { kind: 'nothing_due' }
  }
  const sequence = Math.max(known?.sequence ?? 0, signed?.sequence ?? 0) + 1
  return {
    kind: 'sign',
    mandate: makeMandate(channel.channelId, sequence, wanted, policy.lifeSeconds, nowSeconds),
  }
}

type Limits = { readonly limit: bigint; readonly limitPerDay: bigint }
type Known = Limits & { readonly sequence: number; readonly expiry: number }

/** Half of its life is over, or the fleet has since become stricter or changed the daily limit. */
function isDue(policy: Policy, known: Known, wanted: Limits, nowSeconds: number): boolean {
  if (known.expiry - nowSeconds <= policy.lifeSeconds / 2) return true
  return known.limit > wanted.limit || known.limitPerDay !== wanted.limitPerDay
}

function newer(reported: Known | null, signed: Known | undefined): Known | undefined {
  if (reported === null) return signed
  return signed !== undefined && signed.sequence >= reported.sequence ? signed : reported
}

/**
 * A mandate that begins now. It begins a little earlier on paper, so that a gateway whose clock is
 * behind does not have to wait.
 */
export function makeMandate(
  channelId: string,
  sequence: number,
  limits: Limits,
  lifeSeconds: number,
  nowSeconds: number,
): Mandate {
  const expiry = nowSeconds + lifeSeconds
  return {
    channelId: present(parseHex(channelId), 'a channel id is hex'),
    sequence,
    limit: limits.limit,
    limitPerDay: limits.limitPerDay,
    notBefore: nowSeconds - CLOCK_TOLERANCE_SECONDS,
    expiry,
    claimUntil: expiry + CLAIM_WINDOW_SECONDS,
  }
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
