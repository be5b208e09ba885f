/**
 * The gateway's dated price list as a device believes it: signed by the pinned key, and for its
 * own channel.
 * @module
 */
import { bytesToHex, equalBytes } from '../protocol/bytes.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { verifyDigest } from '../protocol/keys.ts'
import type { Channel, Signed, Tariff } from '../protocol/structures.ts'
import { digestOf, tariffStructure } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'

/** A tariff whose signature was good; commitments name it by `hash`, its EIP-712 digest. */
export type KnownTariff = {
  readonly tariff: Tariff
  readonly hash: Uint8Array
  /** `hash` as text, for comparing. */
  readonly id: string
}

/** What a list came to; `rejected` entries are unusable or not signed by the gateway. */
export type TariffList = { readonly known: readonly KnownTariff[]; readonly rejected: number }

/** Keeps the entries of `gateway` that its pinned `key` signed. */
export function verifyTariffs(
  domain: Domain,
  gateway: string,
  key: PublicKey,
  list: readonly Signed<Tariff>[],
): TariffList {
  const known: KnownTariff[] = []
  for (const { value, signature } of list) {
    const hash = digestOf(domain, tariffStructure, value)
    if (value.gateway !== gateway || value.unitsPerTick < 1n) continue
    if (!verifyDigest(key, hash, signature)) continue
    known.push({ tariff: value, hash, id: bytesToHex(hash) })
  }
  return { known, rejected: list.length - known.length }
}

/** The entries that price this channel's meter. */
export function tariffsFor(
  list: readonly KnownTariff[],
  channel: Channel,
  unit: string,
): readonly KnownTariff[] {
  return list.filter(
    ({ tariff }) =>
      tariff.unit === unit &&
      equalBytes(tariff.payee, channel.payee) &&
      tariff.assetCode === channel.assetCode &&
      tariff.assetScale === channel.assetScale,
  )
}

/** The entry in force: of several, the one that came into force last. */
export function tariffInForce(
  list: readonly KnownTariff[],
  nowSeconds: number,
): KnownTariff | undefined {
  let best: KnownTariff | undefined
  for (const one of list) {
    const { validFrom, validUntil } = one.tariff
    if (nowSeconds < validFrom || nowSeconds >= validUntil) continue
    if (!best || validFrom > best.tariff.validFrom) best = one
  }
  return best
}
