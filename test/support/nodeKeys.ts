/**
 * node:crypto as a second opinion on keys and signatures.
 * @module
 */
import type { KeyObject } from 'node:crypto'
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { Algorithm, PrivateKey, PublicKey } from '../../protocol/keys.ts'
import { publicKeyOf } from '../../protocol/keys.ts'

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const curveName: Readonly<Record<Algorithm, string>> = {
  p256: 'P-256',
  secp256k1: 'secp256k1',
  ed25519: 'Ed25519',
}

function jwkOf({ algorithm, bytes }: PublicKey) {
  const crv = curveName[algorithm]
  if (algorithm === 'ed25519') return { kty: 'OKP', crv, x: text(bytes) }
  return { kty: 'EC', crv, x: text(bytes.subarray(0, 32)), y: text(bytes.subarray(32)) }
}

export function nodePublicKey(key: PublicKey): KeyObject {
  return createPublicKey({ key: jwkOf(key), format: 'jwk' })
}

function nodePrivateKey(key: PrivateKey): KeyObject {
  const jwk = { ...jwkOf(publicKeyOf(key)), d: text(key.bytes) }
  return createPrivateKey({ key: jwk, format: 'jwk' })
}

/**
 * What a key signs, as node:crypto wants it: it hashes the message of the ECDSA curves itself, so
 * for secp256k1 the digest is SHA-256 of the message, and for P-256 the digest is the message.
 */
export function nodeDigest(algorithm: Algorithm, message: Uint8Array): Uint8Array {
  if (algorithm !== 'secp256k1') return message
  return Uint8Array.from(createHash('sha256').update(message).digest())
}

/** Verifies a signature of `nodeDigest(algorithm, message)`, without the rule on low s. */
export function nodeVerify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  const options = { key: nodePublicKey(key), dsaEncoding: 'ieee-p1363' as const }
  return verify(key.algorithm === 'ed25519' ? null : 'sha256', message, options, signature)
}

/** Signs `nodeDigest(algorithm, message)` with a random nonce; s may be high. */
export function nodeSign(key: PrivateKey, message: Uint8Array): Uint8Array {
  const options = { key: nodePrivateKey(key), dsaEncoding: 'ieee-p1363' as const }
  const hash = key.algorithm === 'ed25519' ? null : 'sha256'
  return Uint8Array.from(sign(hash, message, options))
}
