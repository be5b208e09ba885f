/**
 * A channel as a register that only moves up: the checks on a tick, cheapest first. The order is
 * API. A refusal changes nothing; loss, repetition, reordering and delay are `stale` at worst.
 * @module
 */
import type { Sha256 } from './chain.ts'
import { leadsTo } from './chain.ts'
import { JUMP_TICKS_MAX } from './limits.ts'
import type { TickReason } from './reasons.ts'
import type { Commitment } from './structures.ts'
import type { Tick } from './tick.ts'

/** What all checks but the last read of a channel. Epoch 0 means that none is committed. */
export type RegisterState = {
  /** Epoch of the commitment that the held word belongs to. */
  readonly epoch: number
  readonly index: number
  readonly length: number
  /** A renewal that is committed and has shown no word of its own; 0 when there is none. */
  readonly pendingEpoch: number
  readonly pendingLength: number
  /** Seconds since 1970; words count as payment until then. */
  readonly claimUntilSeconds: number
  readonly closed: boolean
}

/** A channel with the words that the last check hashes towards. */
export type Register = RegisterState & {
  readonly word: Uint8Array
  readonly bind: Uint8Array
  readonly pendingRoot: Uint8Array
  readonly pendingBind: Uint8Array
}

/** What all checks but the last read of a tick. */
export type TickState = Pick<Tick, 'epoch' | 'index'>

/** The last check: whether the tick's word leads to the held word, or to the renewal's root. */
export type MeetsWord<R extends RegisterState, T extends TickState> = (
  register: R,
  tick: T,
  renews: boolean,
) => boolean

/** `accepted` is within the held epoch; `accepted_renewal` moves on to the pending one. */
export type TickVerdict = TickReason | 'accepted' | 'accepted_renewal'

/** Hashes that checking this tick takes, when all cheaper checks pass. */
export function stepsOf(register: RegisterState, tick: TickState): number {
  return tick.epoch === register.epoch ? tick.index - register.index : tick.index
}

/**
 * Judges one tick of a known channel. `hashBudget` is what the channel may spend now; the caller
 * deducts `stepsOf` when the answer is `bad_word` or accepted, for only then was anything hashed.
 */
export function checkTick(
  register: Register,
  tick: Tick,
  nowSeconds: number,
  hashBudget: number,
  hash?: Sha256,
): TickVerdict {
  return judgeTick(register, tick, nowSeconds, hashBudget, (_register, { index, word }, renews) =>
    renews
      ? leadsTo(register.pendingBind, word, index, register.pendingRoot, 0, hash)
      : leadsTo(register.bind, word, index, register.word, register.index, hash),
  )
}

/**
 * The table of the checks itself. Register and tick may be views that are used again for the next
 * tick: nothing of them is kept, and nothing is allocated here.
 */
export function judgeTick<R extends RegisterState, T extends TickState>(
  register: R,
  tick: T,
  nowSeconds: number,
  hashBudget: number,
  meetsWord: MeetsWord<R, T>,
): TickVerdict {
  if (!isFurther(register, tick)) return 'stale'
  const renews = tick.epoch === register.pendingEpoch && register.pendingEpoch > 0
  if (tick.epoch === 0 || (tick.epoch !== register.epoch && !renews)) return 'unknown_epoch'
  if (nowSeconds > register.claimUntilSeconds) return 'expired'
  if (register.closed) return 'closed'
  if (tick.index > (renews ? register.pendingLength : register.length)) return 'out_of_range'
  const steps = stepsOf(register, tick)
  if (steps > JUMP_TICKS_MAX) return 'needs_checkpoint'
  if (steps > hashBudget) return 'slow_down'
  if (!meetsWord(register, tick, renews)) return 'bad_word'
  return renews ? 'accepted_renewal' : 'accepted'
}

/** A renewal begins where its predecessor ends, so a later epoch's words are always further. */
function isFurther(register: RegisterState, tick: TickState): boolean {
  if (register.epoch === 0) return true
  if (tick.epoch !== register.epoch) return tick.epoch > register.epoch && tick.index > 0
  return tick.index > register.index
}

/** What is owed when `index` of this commitment is reached. */
export function amountAt(commitment: AmountTerms, index: number): bigint {
  return commitment.base + BigInt(index) * commitment.pricePerTick
}

/** The meter's register when `index` of this commitment is reached. */
export function readingAt(commitment: ReadingTerms, index: number): bigint {
  return commitment.startReading + BigInt(index) * commitment.unitsPerTick
}

/** The most that this commitment can come to. */
export function worstCase(commitment: AmountTerms & Pick<Commitment, 'length'>): bigint {
  return amountAt(commitment, commitment.length)
}

export type AmountTerms = Pick<Commitment, 'base' | 'pricePerTick'>
export type ReadingTerms = Pick<Commitment, 'startReading' | 'unitsPerTick'>
