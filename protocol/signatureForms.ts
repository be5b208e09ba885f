/**
 * Signatures as hardware and its tools write them: r||s, or DER (SEC 1, C.5), with any s. Pure.
 * @module
 */
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Algorithm } from './keys.ts'
import { SIGNATURE_BYTES } from './keys.ts'

const curveOf = { p256, secp256k1 } as const

/**
 * The signatures that `answer` can be read as, 64 bytes each and with the lower s; none when it is
 * neither form. 64 bytes may be both: whoever asks verifies.
 */
export function readSignature(algorithm: Algorithm, answer: Uint8Array): readonly Uint8Array[] {
  if (algorithm === 'ed25519') return answer.length === SIGNATURE_BYTES ? [answer] : []
  const curve = curveOf[algorithm]
  return (['compact', 'der'] as const).flatMap((format) => {
    try {
      const read = curve.Signature.fromBytes(answer, format)
      const low = read.hasHighS() ? new curve.Signature(read.r, curve.Point.Fn.neg(read.s)) : read
      return [low.toBytes('compact')]
    } catch {
      return []
    }
  })
}
