/**
 * The gateway's dated price list, signed once at the start.
 * @module
 */
import { bytesToHex } from '../protocol/bytes.ts'
import type { PrivateKey } from '../protocol/keys.ts'
import { signDigest } from '../protocol/keys.ts'
import { TARIFFS_MAX } from '../protocol/limits.ts'
import type { Signed, Tariff } from '../protocol/structures.ts'
import { digestOf, tariffStructure } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'

export type Tariffs = {
  readonly all: readonly Signed<Tariff>[]
  readonly byHash: (hash: Uint8Array) => Tariff | undefined
  /** What is in force for these units, then what will be, soonest first; `TARIFFS_MAX` at most. */
  readonly comingFor: (units: readonly string[], nowSeconds: number) => readonly Signed<Tariff>[]
  /** In force now for one unit; of several the one that came last. */
  readonly inForce: (unit: string, nowSeconds: number) => Tariff | undefined
}

export function signTariffs(domain: Domain, key: PrivateKey, list: readonly Tariff[]): Tariffs {
  const sorted = [...list].sort((a, b) => a.validFrom - b.validFrom)
  const signed = sorted.map((value) => {
    const digest = digestOf(domain, tariffStructure, value)
    return { value, digest, signature: signDigest(key, digest) }
  })
  const byHash = new Map(signed.map(({ digest, value }) => [bytesToHex(digest), value]))
  const all = signed.map(({ value, signature }) => ({ value, signature }))
  return {
    all,
    byHash: (hash) => byHash.get(bytesToHex(hash)),
    comingFor: (units, nowSeconds) =>
      all
        .filter(({ value }) => units.includes(value.unit) && value.validUntil > nowSeconds)
        .sort((a, b) => comingAt(a.value, nowSeconds) - comingAt(b.value, nowSeconds))
        .slice(0, TARIFFS_MAX),
    inForce: (unit, nowSeconds) =>
      sorted.findLast(
        (one) => one.unit === unit && one.validFrom <= nowSeconds && nowSeconds < one.validUntil,
      ),
  }
}

/**
 * Those in force are equal, so that many dates of one unit never crowd out the price of another.
 */
function comingAt({ validFrom }: Tariff, nowSeconds: number): number {
  return Math.max(validFrom, nowSeconds)
}
