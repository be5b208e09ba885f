/**
 * The device's own limits: the highest price it accepts, the most it pays in an hour and in a day.
 * Nothing from outside can override them, and a crash loop cannot stretch them: what was paid when
 * the hour and the day began is kept in one small durable record an hour.
 *
 * Without a proof of the amount the limits count as used. With a proof and an older record, all
 * that was paid since the record counts; with a proof and no record, counting starts at the proof,
 * and nothing is paid before the new record is durable. A clock that is set forward opens at most
 * one new hour or day early, because the monotonic clock has to agree.
 * @module
 */
import { bytesToHex } from '../protocol/bytes.ts'
import type { NewestChannel } from './channelPlace.ts'

export type OwnLimits = {
  /** Minor units for one tick. */
  readonly pricePerTickMax: bigint | undefined
  readonly amountPerHour: bigint | undefined
  readonly amountPerDay: bigint | undefined
}

export const noOwnLimits: OwnLimits = {
  pricePerTickMax: undefined,
  amountPerHour: undefined,
  amountPerDay: undefined,
}

/** What is durable. `hour` and `day` count from 1970 in UTC; bases are cumulative amounts. */
export type LimitRecord = {
  readonly channelId: Uint8Array
  readonly hour: number
  readonly hourBase: bigint
  readonly day: number
  readonly dayBase: bigint
  /** Of the newest channel; older records have none. */
  readonly place?: NewestChannel
}

/** The counting of one channel. */
export type LimitBook = LimitRecord & {
  /** Monotonic time at which the amount was proven. */
  readonly provenMs: number
  readonly hoursRolled: number
  readonly daysRolled: number
  /** False until a first record is on the disk. */
  readonly durable: boolean
  /** Monotonic time until which that is waited for, on a channel that replaces another. */
  readonly waitsUntilMs?: number
}

/** The disk is waited for so long; one that stays broken costs no more. */
const RECORD_PATIENCE_MS = 10_000

export type Now = {
  /** Wall time since 1970, as the gateway would see it. */
  readonly seconds: number
  readonly monotonicMs: number
}

const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

/**
 * Starts counting once the amount of a channel is proven. `record` is what the disk holds, if
 * anything; `carried` is the book of the channel that this one replaces, whose spending counts on.
 */
export function openBook(
  channelId: Uint8Array,
  provenAmount: bigint,
  record: LimitRecord | undefined,
  now: Now,
): LimitBook {
  const hour = Math.floor(now.seconds / HOUR_SECONDS)
  const day = Math.floor(now.seconds / DAY_SECONDS)
  const start = { provenMs: now.monotonicMs, hoursRolled: 0, daysRolled: 0 }
  const matches = record && bytesToHex(record.channelId) === bytesToHex(channelId)
  if (!matches) {
    const bases = { hour, hourBase: provenAmount, day, dayBase: provenAmount }
    return { channelId, ...bases, ...start, durable: false }
  }
  const dayBase = record.day >= day ? record.dayBase : record.hourBase
  const bases = {
    hour,
    hourBase: lower(record.hourBase, provenAmount),
    day,
    dayBase: lower(dayBase, provenAmount),
  }
  return { channelId, ...bases, ...start, durable: true }
}

/** The book of the channel that takes over: what was spent counts on, from a new amount. */
export function carryBook(
  book: LimitBook,
  shownAmount: bigint,
  channelId: Uint8Array,
  provenAmount: bigint,
): LimitBook {
  const moved = provenAmount - shownAmount
  return {
    ...book,
    channelId,
    hourBase: book.hourBase + moved,
    dayBase: book.dayBase + moved,
    durable: false,
  }
}

/**
 * A device that forgets which channel replaced another would go back to that one, where a gateway
 * from a backup offers it, and pay what it has paid on the newer one a second time (!).
 */
export function waitForRecord(book: LimitBook, now: Now): LimitBook {
  if (book.durable) return book
  return { ...book, waitsUntilMs: now.monotonicMs + RECORD_PATIENCE_MS }
}

/** True while nothing may be paid because no record of the book's channel is on the disk. */
export function awaitsRecord(book: LimitBook | undefined, { monotonicMs }: Now): boolean {
  return book?.waitsUntilMs !== undefined && !book.durable && monotonicMs < book.waitsUntilMs
}

/** The book at `now`: the same object within an hour, else one that must be made durable. */
export function rollBook(book: LimitBook, shownAmount: bigint, now: Now): LimitBook {
  const hour = Math.floor(now.seconds / HOUR_SECONDS)
  if (hour === book.hour) return book
  const day = Math.floor(now.seconds / DAY_SECONDS)
  // A clock that was set back keeps the bases: all that was paid counts in the earlier hour.
  if (hour < book.hour) return { ...book, hour, day }
  const elapsedSeconds = (now.monotonicMs - book.provenMs) / 1_000
  if (book.hoursRolled > elapsedSeconds / HOUR_SECONDS) return book
  const rolled = { ...book, hour, hourBase: shownAmount, hoursRolled: book.hoursRolled + 1 }
  if (day === book.day || book.daysRolled > elapsedSeconds / DAY_SECONDS) return rolled
  return { ...rolled, day, dayBase: shownAmount, daysRolled: book.daysRolled + 1 }
}

/** Why an amount may not be passed. */
export type CeilingReason =
  | 'own_limit_unproven'
  | 'own_hour_limit'
  | 'own_day_limit'
  | 'over_limit'
  | 'mandate_used_up'

/** The highest cumulative amount that may be shown now, and what sets it. */
export type Ceiling = { readonly amount: bigint; readonly reason: CeilingReason }

/** `mandate` gives the fleet's limits, which bind beside the device's own. */
export function ceilingOf(
  book: LimitBook,
  limits: OwnLimits,
  mandate: { readonly limit: bigint; readonly limitPerDay: bigint },
  shownAmount: bigint,
): Ceiling {
  const { amountPerHour, amountPerDay } = limits
  const limited = amountPerHour !== undefined || amountPerDay !== undefined
  if (limited && !book.durable) return { amount: shownAmount, reason: 'own_limit_unproven' }
  let best: Ceiling = { amount: mandate.limit, reason: 'mandate_used_up' }
  const consider = (amount: bigint, reason: CeilingReason) => {
    if (amount < best.amount) best = { amount, reason }
  }
  consider(book.dayBase + mandate.limitPerDay, 'over_limit')
  if (amountPerHour !== undefined) consider(book.hourBase + amountPerHour, 'own_hour_limit')
  if (amountPerDay !== undefined) consider(book.dayBase + amountPerDay, 'own_day_limit')
  return best
}

/** True when the device accepts this price. */
export function acceptsPrice(limits: OwnLimits, pricePerTick: bigint): boolean {
  return limits.pricePerTickMax === undefined || pricePerTick <= limits.pricePerTickMax
}

function lower(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
