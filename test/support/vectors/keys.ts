/**
 * Vectors of keys and signatures, with those that must be refused.
 * @module
 */
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { bigEndian, concatBytes } from '../../../protocol/bytes.ts'
import type { Algorithm, PrivateKey } from '../../../protocol/keys.ts'
import {
  algorithmByte,
  algorithms,
  encodePublicKey,
  publicKeyOf,
  signDigest,
} from '../../../protocol/keys.ts'
import { counting, keyNamed } from '../fixtures.ts'
import type { Json } from './json.ts'
import { formatFile, toJson } from './json.ts'

const digests = [counting(0), new Uint8Array(32), new Uint8Array(32).fill(0xff)]
const orders = {
  p256: p256.Point.Fn.ORDER,
  secp256k1: secp256k1.Point.Fn.ORDER,
  ed25519: ed25519.Point.Fn.ORDER,
} as const

/** Encoded public keys that must be refused, and why. */
export function refusedKeys(): readonly { readonly why: string; readonly publicKey: Uint8Array }[] {
  const edwards = (bytes: Uint8Array) => concatBytes(new Uint8Array([2]), bytes)
  const edwardsKey = publicKeyOf(keyNamed('ed25519', 1)).bytes
  const smallOrder = ED25519_TORSION_SUBGROUP.map((hex, i) => ({
    why: `ed25519: small order ${i}`,
    publicKey: edwards(Uint8Array.from(Buffer.from(hex, 'hex'))),
  }))
  const mixed = ed25519.Point.fromBytes(edwardsKey).add(torsion(1)).toBytes()
  return [
    { why: 'empty', publicKey: new Uint8Array() },
    { why: 'algorithm 0', publicKey: new Uint8Array(65) },
    { why: 'algorithm 4', publicKey: concatBytes(new Uint8Array([4]), new Uint8Array(64)) },
    ...refusedCurveKeys('p256', p256.Point.Fp.ORDER),
    ...refusedCurveKeys('secp256k1', secp256k1.Point.Fp.ORDER),
    ...smallOrder,
    { why: 'ed25519: a part of small order', publicKey: edwards(mixed) },
    { why: 'ed25519: 31 bytes', publicKey: edwards(edwardsKey.slice(1)) },
    { why: 'ed25519: 33 bytes', publicKey: edwards(concatBytes(edwardsKey, new Uint8Array(1))) },
    { why: 'ed25519: y not below p', publicKey: edwards(littleEndian((1n << 255n) - 19n + 3n)) },
    { why: 'ed25519: no such point', publicKey: edwards(littleEndian(2n)) },
    { why: 'ed25519: x = 0 with a sign', publicKey: edwards(littleEndian((1n << 255n) + 1n)) },
  ]
}

function refusedCurveKeys(algorithm: 'p256' | 'secp256k1', p: bigint) {
  const byte = new Uint8Array([algorithmByte(algorithm)])
  const xy = publicKeyOf(keyNamed(algorithm, 1)).bytes
  const offCurve = xy.slice()
  offCurve[63] = (offCurve[63] ?? 0) ^ 1
  const all: readonly (readonly [string, Uint8Array])[] = [
    ['63 bytes', xy.slice(1)],
    ['65 bytes', concatBytes(xy, new Uint8Array(1))],
    ['compressed form', concatBytes(new Uint8Array([2]), xy.slice(0, 32))],
    ['uncompressed form with its tag', concatBytes(new Uint8Array([4]), xy)],
    ['off the curve', offCurve],
    ['zero', new Uint8Array(64)],
    ['infinity in one byte', new Uint8Array(1)],
    ['x not below p', concatBytes(bigEndian(p, 32), xy.slice(32))],
    ['y not below p', concatBytes(xy.slice(0, 32), new Uint8Array(32).fill(0xff))],
  ]
  return all.map(([why, bytes]) => ({
    why: `${algorithm}: ${why}`,
    publicKey: concatBytes(byte, bytes),
  }))
}

function torsion(index: number) {
  return ed25519.Point.fromHex(ED25519_TORSION_SUBGROUP[index] ?? '')
}

function littleEndian(value: bigint): Uint8Array {
  return bigEndian(value, 32).reverse()
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

/** Signatures of `digests[0]` by a fixed key that must be refused, and why. */
export function refusedSignatures(
  algorithm: Algorithm,
): readonly { readonly why: string; readonly signature: Uint8Array }[] {
  const key = keyNamed(algorithm, 1)
  const good = signDigest(key, counting(0))
  const flipped = good.slice()
  flipped[40] = (flipped[40] ?? 0) ^ 1
  const common = [
    { why: 'one bit flipped', signature: flipped },
    { why: 'another digest', signature: signDigest(key, counting(1)) },
    { why: 'another key', signature: signDigest(keyNamed(algorithm, 2), counting(0)) },
    { why: 'all zero', signature: new Uint8Array(64) },
    { why: '63 bytes', signature: good.slice(0, 63) },
    { why: '65 bytes', signature: concatBytes(good, new Uint8Array(1)) },
    { why: 'empty', signature: new Uint8Array() },
  ]
  return [
    ...common,
    ...(algorithm === 'ed25519' ? edwardsForgeries(key) : ecdsaForgeries(algorithm)),
  ]
}

function ecdsaForgeries(algorithm: 'p256' | 'secp256k1') {
  const n = orders[algorithm]
  const good = signDigest(keyNamed(algorithm, 1), counting(0))
  const r = good.slice(0, 32)
  const s = BigInt(`0x${Buffer.from(good.slice(32)).toString('hex')}`)
  const prehashed = algorithm === 'p256'
  const curve = algorithm === 'p256' ? p256 : secp256k1
  const otherHash = curve.sign(counting(0), counting(1), {
    prehash: !prehashed,
    lowS: true,
    format: 'compact',
  })
  return [
    { why: 'high s', signature: concatBytes(r, bigEndian(n - s, 32)) },
    { why: 's = 0', signature: concatBytes(r, new Uint8Array(32)) },
    { why: 's = n', signature: concatBytes(r, bigEndian(n, 32)) },
    { why: 'r = 0', signature: concatBytes(new Uint8Array(32), good.slice(32)) },
    { why: 'r = n', signature: concatBytes(bigEndian(n, 32), good.slice(32)) },
    { why: prehashed ? 'digest not hashed' : 'digest hashed', signature: otherHash },
  ]
}

function edwardsForgeries(key: PrivateKey) {
  const good = signDigest(key, counting(0))
  const s = fromLittleEndian(good.slice(32))
  return [
    { why: 's + L', signature: concatBytes(good.slice(0, 32), littleEndian(s + orders.ed25519)) },
    { why: 'R with a part of small order', signature: mixedNonce(key, counting(0)) },
  ]
}

/** Signs with R + T, T of order 8: right when the cofactor is cleared, wrong when it is not. */
export function mixedNonce(key: PrivateKey, digest: Uint8Array): Uint8Array {
  const { scalar } = ed25519.utils.getExtendedPublicKey(key.bytes)
  const nonce = 123_456_789n
  const point = ed25519.Point.BASE.multiply(nonce).add(torsion(1)).toBytes()
  const hashed = sha512(concatBytes(point, publicKeyOf(key).bytes, digest))
  const s = (nonce + fromLittleEndian(hashed) * scalar) % orders.ed25519
  return concatBytes(point, littleEndian(s))
}

/** A key A + T, T of order 8, and what its owner signs: right when the cofactor is cleared. */
export function mixedKey(key: PrivateKey, digest: Uint8Array) {
  const { scalar, point } = ed25519.utils.getExtendedPublicKey(key.bytes)
  const bytes = point.add(torsion(1)).toBytes()
  const nonce = 987_654_321n
  const first = ed25519.Point.BASE.multiply(nonce).toBytes()
  const hashed = fromLittleEndian(sha512(concatBytes(first, bytes, digest)))
  const s = (nonce + hashed * scalar) % orders.ed25519
  const publicKey = { algorithm: key.algorithm, bytes }
  return { publicKey, signature: concatBytes(first, littleEndian(s)) }
}

function signatureCases(algorithm: Algorithm): readonly Json[] {
  return [keyNamed(algorithm, 1), keyNamed(algorithm, 0x77)].flatMap((key) =>
    digests.map((digest) =>
      toJson({
        algorithm,
        privateKey: key.bytes,
        publicKey: encodePublicKey(publicKeyOf(key)),
        digest,
        signature: signDigest(key, digest),
      }),
    ),
  )
}

export function keyVectors(): string {
  return formatFile({
    about: [
      'Section 5.3. publicKey: algorithm byte and key. ECDSA signatures are deterministic (RFC',
      '6979), a signer need not be; a verifier must accept them. refusedSignatures are for the',
      'publicKey and the digest given there.',
    ],
    signatures: algorithms.flatMap(signatureCases),
    refusedKeys: refusedKeys().map(toJson),
    refusedSignatures: algorithms.flatMap((algorithm) =>
      refusedSignatures(algorithm).map(({ why, signature }) =>
        toJson({
          algorithm,
          why,
          publicKey: encodePublicKey(publicKeyOf(keyNamed(algorithm, 1))),
          digest: counting(0),
          signature,
        }),
      ),
    ),
  })
}
