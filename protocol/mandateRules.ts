/**
 * The checks on a mandate: the fleet's signer decides, the highest sequence is in force.
 * @module
 */
import { equalBytes } from './bytes.ts'
import type { PublicKey, Verify } from './keys.ts'
import type { Mandate, Signed } from './structures.ts'
import { digestOf, mandateStructure } from './structures.ts'
import type { Domain } from './typedData.ts'

/** In order of precedence; the order is API. */
export const mandateReasons = [
  'malformed',
  'unknown_channel',
  'old_sequence',
  'bad_signature',
  'bad_window',
  'expired',
] as const
export type MandateReason = (typeof mandateReasons)[number]

export type MandateContext = {
  readonly domain: Domain
  readonly channelId: Uint8Array
  readonly signerKey: PublicKey
  readonly inForce: Mandate | undefined
  readonly nowSeconds: number
}

/** Judges a mandate for a known channel; the very same one again is `repeated`. */
export function checkMandate(
  context: MandateContext,
  signed: Signed<Mandate>,
  verify: Verify,
): MandateReason | 'accepted' | 'repeated' {
  const { value } = signed
  const { inForce } = context
  if (!equalBytes(value.channelId, context.channelId)) return 'unknown_channel'
  const digest = digestOf(context.domain, mandateStructure, value)
  if (inForce && value.sequence <= inForce.sequence) {
    return equalBytes(digest, digestOf(context.domain, mandateStructure, inForce))
      ? 'repeated'
      : 'old_sequence'
  }
  if (!verify(context.signerKey, digest, signed.signature)) return 'bad_signature'
  if (value.notBefore >= value.expiry || value.claimUntil < value.expiry) return 'bad_window'
  return context.nowSeconds >= value.expiry ? 'expired' : 'accepted'
}
