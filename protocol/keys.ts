/**
 * The three key types and one way to sign: 64-byte signatures over a 32-byte digest, low-s for the
 * two ECDSA curves. P-256 (FIPS 186-5) signs SHA-256(digest) because secure elements and TPMs hash
 * what they sign; secp256k1 (SEC 2) and Ed25519 (RFC 8032) sign the digest itself.
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concatBytes, exactBytes } from './bytes.ts'

/** In order of their algorithm byte, which starts at 1. */
export const algorithms = ['p256', 'ed25519', 'secp256k1'] as const
export type Algorithm = (typeof algorithms)[number]

/** `bytes` is x||y (64 bytes) on the ECDSA curves, 32 bytes for Ed25519. */
export type PublicKey = { readonly algorithm: Algorithm; readonly bytes: Uint8Array }
/** `bytes` is a 32-byte scalar or, for Ed25519, a 32-byte seed. */
export type PrivateKey = { readonly algorithm: Algorithm; readonly bytes: Uint8Array }

export const SIGNATURE_BYTES = 64

/** Verifies one digest; a gateway may pass a faster one that agrees with `verifyDigest`. */
export type Verify = (key: PublicKey, digest: Uint8Array, signature: Uint8Array) => boolean

/** The byte that stands for an algorithm on the wire. */
export function algorithmByte(algorithm: Algorithm): number {
  return algorithms.indexOf(algorithm) + 1
}

const curveOf = { p256, secp256k1 } as const

/** Algorithm byte, then the key. */
export function encodePublicKey(key: PublicKey): Uint8Array {
  return concatBytes(new Uint8Array([algorithmByte(key.algorithm)]), key.bytes)
}

/**
 * Reads and vets a key: wrong lengths, points that are not on the curve, the point at infinity and
 * points of small order (with which any message verifies) give undefined.
 */
export function parsePublicKey(encoded: Uint8Array): PublicKey | undefined {
  const algorithm = algorithms[(encoded[0] ?? 0) - 1]
  if (algorithm === undefined) return undefined
  const key = { algorithm, bytes: Uint8Array.from(encoded.subarray(1)) }
  return isSoundPublicKey(key) ? key : undefined
}

/** True for a key that `parsePublicKey` would accept. */
export function isSoundPublicKey(key: PublicKey): boolean {
  try {
    return key.algorithm === 'ed25519' ? isSoundEdwards(key.bytes) : isSoundCurve(key)
  } catch {
    return false
  }
}

function isSoundEdwards(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false
  const point = ed25519.Point.fromBytes(bytes, false)
  return !point.isSmallOrder() && point.isTorsionFree()
}

function isSoundCurve(key: PublicKey): boolean {
  if (key.algorithm === 'ed25519' || key.bytes.length !== 64) return false
  curveOf[key.algorithm].Point.fromBytes(sec1(key.bytes)).assertValidity()
  return true
}

/**
 * RFC 8032 lets a verifier clear the cofactor or not. OpenSSL does not, the curve library does:
 * they differ on an R with a part of small order, and a payer could have its signature accepted by
 * one side and refused by the other. Such an R is refused, so that both rules agree.
 */
function isPlainNonce(signature: Uint8Array): boolean {
  return ed25519.Point.fromBytes(signature.subarray(0, 32), false).isTorsionFree()
}

/** SEC 1 uncompressed form. */
function sec1(xy: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array([4]), xy)
}

/** The public half of a private key. */
export function publicKeyOf(key: PrivateKey): PublicKey {
  exactBytes(key.bytes, 32, 'private key')
  if (key.algorithm === 'ed25519') {
    return { algorithm: key.algorithm, bytes: ed25519.getPublicKey(key.bytes) }
  }
  const point = curveOf[key.algorithm].getPublicKey(key.bytes, false)
  return { algorithm: key.algorithm, bytes: point.slice(1) }
}

/** A private key from 32 or more random bytes; undefined when they are not in range. */
export function privateKeyFrom(algorithm: Algorithm, seed: Uint8Array): PrivateKey | undefined {
  const bytes = Uint8Array.from(exactBytes(seed, 32, 'seed'))
  if (algorithm === 'ed25519') return { algorithm, bytes }
  return curveOf[algorithm].utils.isValidSecretKey(bytes) ? { algorithm, bytes } : undefined
}

/** Deterministic (RFC 6979 on the ECDSA curves) 64-byte signature of a 32-byte digest. */
export function signDigest(key: PrivateKey, digest: Uint8Array): Uint8Array {
  exactBytes(digest, 32, 'digest')
  if (key.algorithm === 'ed25519') return ed25519.sign(digest, key.bytes)
  return curveOf[key.algorithm].sign(digest, key.bytes, {
    prehash: key.algorithm === 'p256',
    lowS: true,
    format: 'compact',
  })
}

/** The reference verifier. Never throws: whatever is wrong with the input, the answer is false. */
export function verifyDigest(key: PublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || digest.length !== 32) return false
  if (!isSoundPublicKey(key)) return false
  try {
    if (key.algorithm === 'ed25519') {
      return (
        ed25519.verify(signature, digest, key.bytes, { zip215: false }) && isPlainNonce(signature)
      )
    }
    return curveOf[key.algorithm].verify(signature, digest, sec1(key.bytes), {
      prehash: key.algorithm === 'p256',
      lowS: true,
      format: 'compact',
    })
  } catch {
    return false
  }
}
