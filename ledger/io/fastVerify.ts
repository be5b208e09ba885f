/**
 * Signatures by OpenSSL where it is faster than the reference and agrees with it.
 * P-256 verifies about twelve times and Ed25519 about ten times as fast; secp256k1 signs the digest
 * itself, which node:crypto cannot verify, so there the reference answers.
 * @module
 */
import * as crypto from 'node:crypto'
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import { isSoundPublicKey, SIGNATURE_BYTES, verifyDigest } from '../../protocol/keys.ts'
import { KEY_OBJECTS_MAX } from '../limits.ts'

export { fastSha256 } from './fastSha256.ts'

/** Agrees with `verifyDigest` on every input; shares its key objects with the whole process. */
export const fastVerify: Verify = createFastVerify(KEY_OBJECTS_MAX)

type Checker = (digest: Uint8Array, signature: Uint8Array) => boolean

/** A verifier that keeps at most `keysMax` imported keys, the least recently used go first. */
export function createFastVerify(keysMax: number): Verify {
  const checkers = new Map<string, Checker>()
  const remember = (name: string, checker: Checker) => {
    checkers.delete(name)
    checkers.set(name, checker)
    if (checkers.size <= keysMax) return
    for (const oldest of checkers.keys()) {
      checkers.delete(oldest)
      break
    }
  }
  return (key, digest, signature) => {
    if (signature.length !== SIGNATURE_BYTES || digest.length !== 32) return false
    const name = `${key.algorithm} ${Buffer.from(key.bytes).toString('latin1')}`
    const checker = checkers.get(name) ?? importKey(key)
    remember(name, checker)
    return checker(digest, signature)
  }
}

const never: Checker = () => false

function importKey(key: PublicKey): Checker {
  if (key.algorithm === 'secp256k1') {
    const own = { algorithm: key.algorithm, bytes: key.bytes.slice() }
    return (digest, signature) => verifyDigest(own, digest, signature)
  }
  if (key.algorithm === 'p256') return p256Checker(key.bytes)
  return isSoundPublicKey(key) ? ed25519Checker(key.bytes) : never
}

/** OpenSSL itself refuses what is no point of the curve, with an exception. */
function p256Checker(bytes: Uint8Array): Checker {
  if (bytes.length !== 64) return never
  const jwk = { kty: 'EC', crv: 'P-256', x: base64(bytes, 0, 32), y: base64(bytes, 32, 64) }
  const key = importJwk(jwk)
  if (!key) return never
  const options = { key, dsaEncoding: 'ieee-p1363' } as const
  return (digest, signature) =>
    isLowS(signature) && crypto.verify('sha256', digest, options, signature)
}

/**
 * OpenSSL checks the equation without the cofactor, as the reference does. Of a signature whose R
 * is the neutral element, which RFC 8032 does not forbid and nobody's honest key makes, some
 * versions think otherwise (3.0 takes it, that of Node 24 does not): there the reference answers.
 */
function ed25519Checker(bytes: Uint8Array): Checker {
  const key = importJwk({ kty: 'OKP', crv: 'Ed25519', x: base64(bytes, 0, 32) })
  if (!key) return never
  const own = { algorithm: 'ed25519', bytes: bytes.slice() } as const
  return (digest, signature) =>
    NEUTRAL.equals(signature.subarray(0, 32))
      ? verifyDigest(own, digest, signature)
      : crypto.verify(null, digest, key, signature)
}

/** The neutral element of edwards25519, x = 0 and y = 1, as it is encoded (RFC 8032, 5.1.2). */
const NEUTRAL = Buffer.from(`01${'00'.repeat(31)}`, 'hex')

function importJwk(jwk: crypto.JsonWebKey): crypto.KeyObject | undefined {
  try {
    return crypto.createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

function base64(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString('base64url')
}

/** Half of the P-256 group order (FIPS 186-5), rounded down: the highest low s. */
const p256HalfOrder = Buffer.from(
  '7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8',
  'hex',
)

function isLowS(signature: Uint8Array): boolean {
  return p256HalfOrder.compare(signature, 32, 64) >= 0
}
