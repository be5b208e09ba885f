/**
 * Mandates as a fleet hands them over: signed, and the hex of their wire form.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { type PrivateKey, signDigest } from '../../protocol/keys.ts'
import { CLAIM_WINDOW_SECONDS } from '../../protocol/limits.ts'
import type { Mandate } from '../../protocol/structures.ts'
import { digestOf, mandateStructure, signedToWire } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'

export type MandateSigner = {
  readonly domain: Domain
  readonly key: PrivateKey
  readonly nowSeconds: number
}

type Terms = Partial<Mandate> & Pick<Mandate, 'channelId' | 'limit'>

/** In force for 24 h from a minute ago, and all of it in one day, unless `terms` says otherwise. */
export function mandateHex({ domain, key, nowSeconds }: MandateSigner, terms: Terms): string {
  const expiry = terms.expiry ?? nowSeconds + 86_400
  const value: Mandate = {
    sequence: 1,
    limitPerDay: terms.limit,
    notBefore: nowSeconds - 60,
    expiry,
    claimUntil: expiry + CLAIM_WINDOW_SECONDS,
    ...terms,
  }
  const signature = signDigest(key, digestOf(domain, mandateStructure, value))
  return bytesToHex(encodeCbor(signedToWire(mandateStructure, { value, signature })))
}
