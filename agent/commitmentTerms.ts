/**
 * The terms of the device's next commitment: where it starts and how long it may be. Pure.
 * @module
 */
import { assert } from '../protocol/assert.ts'
import type { Terms } from '../protocol/chain.ts'
import { amountAt, readingAt } from '../protocol/channel.ts'
import { AMOUNT_MAX, EPOCH_LENGTH_TICKS_MAX } from '../protocol/limits.ts'
import type { Mandate } from '../protocol/structures.ts'
import { CHECKPOINT, RENEWAL } from '../protocol/structures.ts'
import type { KnownTariff } from './tariffs.ts'

/** Where a commitment starts: what is owed, and the reading it is owed for. */
export type Start = {
  readonly kind: number
  readonly base: bigint
  readonly startReading: bigint
}

/** A channel's first commitment owes nothing for what was metered before it. */
export function openingAt(reading: bigint): Start {
  return { kind: CHECKPOINT, base: 0n, startReading: reading }
}

/** Exactly where the running epoch ends, so that ticking never pauses. */
export function renewalOf(running: Terms): Start {
  return {
    kind: RENEWAL,
    base: amountAt(running, running.length),
    startReading: readingAt(running, running.length),
  }
}

/** Pays `ticks` whole ticks since the running epoch began, also past its end, at its own price. */
export function checkpointAt(running: Terms, ticks: number): Start {
  return {
    kind: CHECKPOINT,
    base: amountAt(running, ticks),
    startReading: readingAt(running, ticks),
  }
}

export type Room = {
  readonly channelId: Uint8Array
  readonly epoch: number
  readonly tariff: KnownTariff
  readonly mandate: Mandate
  /** What the gateway accepts. */
  readonly maxLength: number
  /** What may be paid today; a cumulative amount. */
  readonly dayCeiling: bigint
  readonly nowSeconds: number
}

/** Complete terms, or undefined when mandate or gateway leave room for no tick at all. */
export function termsFrom(start: Start, room: Room): Terms | undefined {
  const { unitsPerTick, pricePerTick, validUntil } = room.tariff.tariff
  const length = lengthFrom(start, room)
  if (length < 1) return undefined
  const expiry = Math.min(room.mandate.expiry, validUntil)
  assert(expiry > room.nowSeconds, 'nothing is committed under what has expired')
  return {
    ...start,
    channelId: room.channelId,
    epoch: room.epoch,
    length,
    unitsPerTick,
    pricePerTick,
    tariffHash: room.tariff.hash,
    issuedAt: room.nowSeconds,
    expiry,
  }
}

/** Ticks that fit; today's rest binds down to one tick, for it limits words and not promises. */
function lengthFrom(start: Start, room: Room): number {
  const { unitsPerTick, pricePerTick } = room.tariff.tariff
  const ceiling = Math.min(EPOCH_LENGTH_TICKS_MAX, room.maxLength)
  const readings = (AMOUNT_MAX - start.startReading) / unitsPerTick
  const hard = smallest(ceiling, readings, affordable(room.mandate.limit, start, pricePerTick))
  const today = affordable(room.dayCeiling, start, pricePerTick)
  return Math.min(hard, Math.max(1, smallest(hard, today)))
}

function affordable(limit: bigint, start: Start, pricePerTick: bigint): bigint {
  const bound = limit < AMOUNT_MAX ? limit : AMOUNT_MAX
  if (bound < start.base) return 0n
  return pricePerTick === 0n ? AMOUNT_MAX : (bound - start.base) / pricePerTick
}

function smallest(first: number, ...others: readonly bigint[]): number {
  return others.reduce((least: number, one) => (one < BigInt(least) ? Number(one) : least), first)
}
