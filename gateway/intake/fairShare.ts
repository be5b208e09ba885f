/**
 * How long an epoch may be: a channel may promise a fair share of what its allocation has free,
 * beside what it has promised and not used already.
 * @module
 */
import { EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import type { Commitment } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { heldAmount, promisedAmount } from '../state/hotChannels.ts'
import type { AllocationUse } from '../state/state.ts'
import { allocationOf } from '../state/state.ts'

type EpochStart = Pick<Commitment, 'base' | 'pricePerTick'>

/** However many share it: shorter epochs would cost more in signatures than they are worth. */
const SHARE_TICKS_MIN = 64

/**
 * What the allocation of a channel has left beyond all reservations. A withdrawal may ask back what
 * is reserved: then nothing is left, and what was reserved before stays so.
 */
export function freeAmount(core: Core, channel: number): bigint {
  return freeIn(core, allocationOf(core.state, channel))
}

/** The same of an allocation. */
export function freeIn(core: Core, use: AllocationUse): bigint {
  const free = core.funds.available(use.id) - use.reserved
  return free > 0n ? free : 0n
}

/** The longest epoch that the ledger can be shown evidence of. */
export function lengthCeiling(core: Core): number {
  return Math.min(EPOCH_LENGTH_TICKS_MAX, core.ledger.maxTail)
}

/**
 * Ticks that a commitment which begins at `base` may have now. Below 1 when not even one can be
 * reserved.
 */
export function lengthFrom(core: Core, channel: number, start: EpochStart): number {
  const use = allocationOf(core.state, channel)
  return lengthWithin(core, use, promisedAmount(core.state.hot, channel), start)
}

/** The same for a channel that draws on `use` and has promised `promised` before. */
export function lengthWithin(
  core: Core,
  use: AllocationUse,
  promised: bigint,
  { base, pricePerTick }: EpochStart,
): number {
  const ceiling = lengthCeiling(core)
  if (pricePerTick === 0n) return ceiling
  const free = freeIn(core, use)
  const share = free / BigInt(Math.max(1, use.openChannels))
  const floor = pricePerTick * BigInt(SHARE_TICKS_MIN)
  const fair = share > floor ? share : floor
  const growth = fair < free ? fair : free
  const ticks = (growth + promised - base) / pricePerTick
  if (ticks < 0n) return 0
  return ticks < BigInt(ceiling) ? Number(ticks) : ceiling
}

/** What a device is told before it commits: as if it did now, from what is held. */
export function lengthNow(core: Core, channel: number, unit: string): number {
  const tariff = core.tariffs.inForce(unit, core.writer.seconds())
  if (!tariff) return 0
  const base = heldAmount(core.state.hot, channel)
  return lengthFrom(core, channel, { base, pricePerTick: tariff.pricePerTick })
}
