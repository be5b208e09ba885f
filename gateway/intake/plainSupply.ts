/**
 * Supply without a `bigint`: nearly every tick is of a channel that is far from all its limits. The
 * facts and `decideSupply` took 15 operations on `bigint`, more than 1 us; this takes 0.05 us. What
 * is not plain to it is left to them: it never says anything else than they do.
 * @module
 */
import type { SupplyState } from '../../protocol/messages.ts'
import type { Core } from '../core.ts'
import type { Policies } from '../policies/policies.ts'
import { FLAG_CLOSED, FLAG_PAUSED, type HotChannels, wholeAt } from '../state/hotChannels.ts'
import { hasPlainlyBegun } from '../state/mandateStarts.ts'
import type { Session } from './session.ts'

/** What supply is decided from. */
export type SupplyCore = Pick<Core, 'state' | 'spaceLow'> & {
  readonly policies?: Pick<Policies, 'heldBack'>
}

/** A session that speaks for its device. */
export type Witness = Pick<Session, 'cloneSuspected' | 'registers'>

export const plainlyOn: SupplyState = { level: 'on', reason: 'ok' }

const DAY_SECONDS = 86_400
/** Sums, products and differences of whole numbers are exact as long as they stay below this. */
const EXACT_MAX = 2 ** 52

/** True only when supply is `on`; false says nothing. */
export function isPlainlyOn(
  core: SupplyCore,
  witness: Witness | undefined,
  slot: number,
  channel: number,
  nowSeconds: number,
): boolean {
  const { hot, fencePosition } = core.state
  const { columns } = hot
  if (((columns.flags[channel] ?? 0) & (FLAG_CLOSED | FLAG_PAUSED)) !== 0) return false
  if ((columns.epoch[channel] ?? 0) === 0) return false
  if (nowSeconds >= (columns.mandateExpirySeconds[channel] ?? 0)) return false
  if (!hasPlainlyBegun(core.state.mandateStarts, channel, nowSeconds)) return false
  if (core.policies?.heldBack(channel) !== undefined) return false
  const commitmentExpirySeconds = columns.commitmentExpirySeconds[channel] ?? 0
  if (commitmentExpirySeconds > 0 && nowSeconds >= commitmentExpirySeconds) return false
  if ((columns.checkpointPosition[channel] ?? 0) < fencePosition) return false
  if (witness && witness.cloneSuspected.size > 0 && witness.cloneSuspected.has(slot)) return false
  if (!isWithinLimits(hot, channel, nowSeconds)) return false
  if (witness && witness.registers.size > 0) {
    if (!isPaying(hot, channel, witness.registers.get(slot))) return false
  }
  return !core.spaceLow()
}

function isWithinLimits({ columns, columns32 }: HotChannels, channel: number, nowSeconds: number) {
  const price = wholeAt(columns32.pricePerTick, channel)
  const credit = (columns.creditTicks[channel] ?? 0) * price
  const held = wholeAt(columns32.base, channel) + (columns.index[channel] ?? 0) * price
  // A limit beyond what a number says exactly is read as one that is beyond the sum as well.
  const needed = held + credit
  if (!(needed < EXACT_MAX && needed <= wholeAt(columns32.limit, channel))) return false
  const isToday = columns.day[channel] === Math.floor(nowSeconds / DAY_SECONDS)
  const dayStart = isToday ? wholeAt(columns32.dayStart, channel) : held
  return dayStart <= held && needed - dayStart <= wholeAt(columns32.limitPerDay, channel)
}

function isPaying(
  { columns, columns32 }: HotChannels,
  channel: number,
  register?: bigint,
): boolean {
  if (register === undefined) return true
  const units = wholeAt(columns32.unitsPerTick, channel)
  const paid = wholeAt(columns32.startReading, channel) + (columns.index[channel] ?? 0) * units
  const credit = (columns.creditTicks[channel] ?? 0) * units
  const reported = Number(register)
  return reported < EXACT_MAX && paid + credit < EXACT_MAX && reported - paid <= credit
}
