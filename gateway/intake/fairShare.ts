/**
 * How long an epoch may be: a channel may promise a fair share of what its allocation has free,
 * beside what it has promised and not used already.
 * @module
 */
import { AMOUNT_MAX, EPOCH_LENGTH_TICKS_MAX } from '../../protocol/limits.ts'
import type { Commitment } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { heldAmount, promisedAmount } from '../state/hotChannels.ts'
import type { AllocationUse } from '../state/state.ts'
import { allocationOf } from '../state/state.ts'
import { readWhole, type SlotCodec, writeWhole } from './slotMap.ts'

export type EpochStart = Pick<Commitment, 'base' | 'pricePerTick'>

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
  const start = startNow(core, channel, unit)
  return start ? lengthFrom(core, channel, start) : 0
}

/** Where a commitment would begin that is made now. */
function startNow(core: Core, channel: number, unit: string): EpochStart | undefined {
  const tariff = core.tariffs.inForce(unit, core.writer.seconds())
  const base = heldAmount(core.state.hot, channel)
  return tariff && { base, pricePerTick: tariff.pricePerTick }
}

/** What a device was told that it may commit to, and among how many that was shared. */
export type Told = {
  readonly length: number
  /** Cumulative amount up to which that reaches. */
  readonly end: bigint
  readonly sharers: number
}

export const toldCodec: SlotCodec<Told> = {
  width: 4,
  write: (numbers, at, { length, end, sharers }) => {
    numbers[at] = length
    numbers[at + 1] = sharers
    writeWhole(numbers, at + 2, end)
  },
  read: (numbers, at) => ({
    length: numbers[at] ?? 0,
    sharers: numbers[at + 1] ?? 0,
    end: readWhole(numbers, at + 2),
  }),
}

/** `length` as it is told now, for an epoch that begins at `start` or at what is held. */
export function toldNow(
  core: Core,
  channel: number,
  unit: string,
  length: number,
  start: EpochStart | undefined = startNow(core, channel, unit),
): Told {
  const sharers = allocationOf(core.state, channel).openChannels
  const end = start ? start.base + BigInt(length) * start.pricePerTick : 0n
  return { length, end: end < AMOUNT_MAX ? end : AMOUNT_MAX, sharers }
}

/**
 * Ticks that a device may have because it was told so: while nobody else has come to share, its
 * part is not smaller because others have taken theirs. Else many that open at once would refuse
 * each other for ever. What is not there any more nobody can have.
 */
export function lengthTold(
  core: Core,
  channel: number,
  told: Told | undefined,
  { base, pricePerTick }: EpochStart,
): number {
  const use = allocationOf(core.state, channel)
  if (told?.sharers !== use.openChannels || pricePerTick === 0n) return 0
  const reserved = promisedAmount(core.state.hot, channel)
  const possible = freeIn(core, use) + reserved
  const end = told.end < possible ? told.end : possible
  if (base > end) return 0
  const ticks = (end - base) / pricePerTick
  const ceiling = lengthCeiling(core)
  return ticks < BigInt(ceiling) ? Number(ticks) : ceiling
}
