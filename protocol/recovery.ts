/**
 * For ledgers that recover the key from a signature instead of taking it along, as Ethereum does.
 * @module
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { equalBytes } from './bytes.ts'
import { type PublicKey, SIGNATURE_BYTES } from './keys.ts'

/**
 * Which of the two points a secp256k1 signature is of: the parity of R's y, 0 or 1. Undefined when
 * neither gives the key, so the signature is not good.
 */
export function recoveryBit(
  key: PublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
): 0 | 1 | undefined {
  if (key.algorithm !== 'secp256k1' || signature.length !== SIGNATURE_BYTES) return undefined
  for (const bit of [0, 1] as const) {
    if (recovers(key.bytes, digest, signature, bit)) return bit
  }
  return undefined
}

function recovers(xy: Uint8Array, digest: Uint8Array, signature: Uint8Array, bit: 0 | 1): boolean {
  try {
    const found = secp256k1.Signature.fromBytes(signature, 'compact')
      .addRecoveryBit(bit)
      .recoverPublicKey(digest)
    return equalBytes(found.toBytes(false).subarray(1), xy)
  } catch {
    return false
  }
}
