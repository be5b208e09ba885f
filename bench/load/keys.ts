/**
 * Keys of the devices in a benchmark. They follow from a name, so that every process can make them,
 * and sign with OpenSSL: ten thousand devices must not wait for the reference implementation.
 * @module
 */
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import type { PrivateKey, PublicKey } from '../../protocol/keys.ts'

/** Order of P-256 (FIPS 186-5). */
const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')

export type BenchKey = {
  readonly privateKey: PrivateKey
  readonly publicKey: PublicKey
  /** Signs as `signDigest` does: P-256 over SHA-256 of the digest, low s. */
  readonly sign: (digest: Uint8Array) => Uint8Array
}

/** The P-256 key of this name. */
export function benchKey(name: string): BenchKey {
  const bytes = createHash('sha256').update(`tickpay bench ${name}`).digest()
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(bytes)
  const point = curve.getPublicKey().subarray(1)
  const key = importKey(bytes, point)
  return {
    privateKey: { algorithm: 'p256', bytes: new Uint8Array(bytes) },
    publicKey: { algorithm: 'p256', bytes: new Uint8Array(point) },
    sign: (digest) => lowS(sign('sha256', digest, { key, dsaEncoding: 'ieee-p1363' })),
  }
}

/** PKCS #8, as node:tls takes it. */
export function keyPem(key: BenchKey): string {
  return `${keyObject(key).export({ type: 'pkcs8', format: 'pem' })}`
}

/** The public key as certificates hold it. */
export function keySpki(key: BenchKey): Uint8Array {
  return createPublicKey(keyObject(key)).export({ type: 'spki', format: 'der' })
}

/** A signature as certificates have it. */
export function signDer(key: BenchKey, bytes: Uint8Array): Buffer {
  return sign('sha256', bytes, keyObject(key))
}

function keyObject({ privateKey, publicKey }: BenchKey): KeyObject {
  return importKey(Buffer.from(privateKey.bytes), Buffer.from(publicKey.bytes))
}

function importKey(scalar: Buffer, point: Buffer): KeyObject {
  const text = (bytes: Buffer) => bytes.toString('base64url')
  const x = text(point.subarray(0, 32))
  const y = text(point.subarray(32))
  return createPrivateKey({
    key: { kty: 'EC', crv: 'P-256', d: text(scalar), x, y },
    format: 'jwk',
  })
}

function lowS(signature: Buffer): Uint8Array {
  const s = BigInt(`0x${signature.toString('hex', 32)}`)
  if (s > ORDER / 2n) signature.write((ORDER - s).toString(16).padStart(64, '0'), 32, 'hex')
  return new Uint8Array(signature)
}
