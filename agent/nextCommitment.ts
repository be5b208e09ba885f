/**
 * Which commitment the payer needs now, if any. Pure.
 * @module
 */
import { equalBytes } from '../protocol/bytes.ts'
import type { Terms } from '../protocol/chain.ts'
import { EPOCH_LENGTH_TICKS_MAX, JUMP_TICKS_MAX, RENEWAL_AT_PERCENT } from '../protocol/limits.ts'
import type { Start } from './commitmentTerms.ts'
import { checkpointAt, openingAt, renewalOf, termsFrom } from './commitmentTerms.ts'
import type { Now } from './ownLimits.ts'
import { acceptsPrice } from './ownLimits.ts'
import type { ChannelFacts, Epoch, Payer, Purpose } from './payerState.ts'
import { ceiling, currentTariff, payableTicks } from './payerState.ts'
import type { KnownTariff } from './tariffs.ts'

/** A longer-lived commitment is made this long before the running one expires, at most. */
const EXPIRY_MARGIN_SECONDS = 3_600
/**
 * A gateway that still speaks of a fence this long after it took a checkpoint has raised another,
 * of which nothing could be told apart from the first.
 */
const FENCE_RETRY_MS = 60_000

export type Wanted = { readonly purpose: Purpose; readonly terms: Terms }

/** The commitment to send now; undefined when none is needed, or none is possible. */
export function wantedCommitment(payer: Payer, now: Now): Wanted | undefined {
  const { facts, offer } = payer
  if (offer || now.monotonicMs < payer.retryMs) return undefined
  const mandate = facts?.mandate
  const tariff = currentTariff(payer, now)
  if (!facts || !mandate || !tariff || !acceptsPrice(payer.own, tariff.tariff.pricePerTick)) {
    return undefined
  }
  if (now.seconds < mandate.notBefore || now.seconds >= mandate.expiry) return undefined
  const wanted = wantedStart(payer, tariff, now)
  const terms =
    wanted &&
    termsFrom(wanted.start, {
      channelId: facts.channelId,
      epoch: payer.highestEpoch + 1,
      tariff,
      mandate,
      maxLength: roomAt(wanted.start.base, payer, facts, tariff),
      dayCeiling: ceiling(payer).amount,
      nowSeconds: now.seconds,
    })
  return wanted && terms && { purpose: wanted.purpose, terms }
}

/**
 * Ticks that the gateway has room for from `base` on. What it told counts from an earlier amount;
 * when all of that is used up it may have found more since, and a refusal tells how much.
 */
function roomAt(
  base: bigint,
  { roomFrom }: Payer,
  { maxLength }: ChannelFacts,
  { tariff }: KnownTariff,
): number {
  const { pricePerTick } = tariff
  if (pricePerTick === 0n || base <= roomFrom || maxLength >= EPOCH_LENGTH_TICKS_MAX) {
    return maxLength
  }
  const used = Number((base - roomFrom) / pricePerTick)
  return used < maxLength ? maxLength - used : maxLength
}

function wantedStart(
  payer: Payer,
  tariff: KnownTariff,
  now: Now,
): { purpose: Purpose; start: Start } | undefined {
  const { reading, running, stopping } = payer
  if (!running) {
    if (stopping || reading === undefined) return undefined
    return { purpose: 'open', start: openingAt(payer.paidBefore ?? reading) }
  }
  if (needsCheckpoint(payer, running, tariff, now)) {
    const start = checkpointAt(running.terms, payableTicks(payer))
    return { purpose: 'checkpoint', start }
  }
  if (stopping || payer.next) return undefined
  const due = payableTicks(payer) * 100 >= running.terms.length * RENEWAL_AT_PERCENT
  return due ? { purpose: 'renewal', start: renewalOf(running.terms) } : undefined
}

function needsCheckpoint(payer: Payer, running: Epoch, tariff: KnownTariff, now: Now): boolean {
  if (payer.asked || isJump(payer, running)) return true
  if (!payer.next && payableTicks(payer) > running.terms.length) return true
  if (payer.stopping) return false
  if (isFenced(payer, now)) return true
  if (!equalBytes(tariff.hash, running.terms.tariffHash)) return true
  return expiresSoon(payer, running.terms, tariff, now)
}

function isFenced({ facts, fenceAnsweredMs }: Payer, now: Now): boolean {
  if (facts?.supply.reason !== 'fenced') return false
  return now.monotonicMs - fenceAnsweredMs > FENCE_RETRY_MS
}

/** More ticks are owed than one message may jump. */
function isJump(payer: Payer, { terms }: Epoch): boolean {
  const ticks = payableTicks(payer)
  const index = Math.min(ticks, terms.length)
  return index - payer.acked > JUMP_TICKS_MAX || ticks - terms.length > JUMP_TICKS_MAX
}

/** The running commitment ends soon, and mandate and tariff allow one that ends later. */
function expiresSoon(payer: Payer, terms: Terms, tariff: KnownTariff, now: Now): boolean {
  const possible = Math.min(payer.facts?.mandate?.expiry ?? 0, tariff.tariff.validUntil)
  if (possible <= terms.expiry) return false
  const quarter = Math.floor((terms.expiry - terms.issuedAt) / 4)
  return now.seconds >= terms.expiry - Math.min(EXPIRY_MARGIN_SECONDS, quarter)
}
