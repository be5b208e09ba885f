/**
 * A third opinion on signatures: ECDSA (FIPS 186-5) and Ed25519 (RFC 8032) as a textbook has them,
 * with bigint and nothing else. Slow, not constant in time, for tests alone.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Algorithm } from '../../../protocol/keys.ts'

export type Point = { readonly x: bigint; readonly y: bigint } | 'infinity'

export type Curve = {
  /** y^2 = x^3 + ax + b over the integers modulo p; the base point has order n. */
  readonly p: bigint
  readonly a: bigint
  readonly b: bigint
  readonly n: bigint
  readonly base: Point
}

/** SEC 2, sections 2.4.1 and 2.4.2. */
export const curves: Readonly<Record<'p256' | 'secp256k1', Curve>> = {
  p256: {
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    a: -3n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    base: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
    },
  },
  secp256k1: {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    a: 0n,
    b: 7n,
    n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    base: {
      x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
      y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
    },
  },
}

export function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = modulo(base, modulus)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** By Fermat: the modulus is prime. */
export function inverse(value: bigint, modulus: bigint): bigint {
  return power(value, modulus - 2n, modulus)
}

export function bigEndianNumber(bytes: Uint8Array): bigint {
  return bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

export function littleEndianNumber(bytes: Uint8Array): bigint {
  return bigEndianNumber(Uint8Array.from(bytes).reverse())
}

export function bigEndianBytes(value: bigint, length = 32): Uint8Array {
  return Uint8Array.from({ length }, (_, place) =>
    Number((value >> BigInt(8 * (length - 1 - place))) & 0xffn),
  )
}

export function littleEndianBytes(value: bigint): Uint8Array {
  return bigEndianBytes(value).reverse()
}

export function isOnCurve({ p, a, b }: Curve, x: bigint, y: bigint): boolean {
  return modulo(y * y - x * x * x - a * x - b, p) === 0n
}

/** The even y of x, if a point has this x; p is 3 modulo 4 on both curves. */
export function liftX({ p, a, b }: Curve, x: bigint): bigint | undefined {
  const square = modulo(x * x * x + a * x + b, p)
  const root = power(square, (p + 1n) / 4n, p)
  if ((root * root) % p !== square) return undefined
  return root & 1n ? p - root : root
}

/** Jacobian coordinates: x = X / Z^2, y = Y / Z^3; Z = 0 is the point at infinity. */
type Jacobian = { readonly X: bigint; readonly Y: bigint; readonly Z: bigint }

const nowhere: Jacobian = { X: 1n, Y: 1n, Z: 0n }

function double({ p, a }: Curve, { X, Y, Z }: Jacobian): Jacobian {
  const yy = (Y * Y) % p
  const s = (4n * X * yy) % p
  const m = modulo(3n * X * X + a * power(Z, 4n, p), p)
  const x = modulo(m * m - 2n * s, p)
  return { X: x, Y: modulo(m * (s - x) - 8n * yy * yy, p), Z: (2n * Y * Z) % p }
}

function add(curve: Curve, one: Jacobian, other: Jacobian): Jacobian {
  if (one.Z === 0n) return other
  if (other.Z === 0n) return one
  const { p } = curve
  const zz1 = (one.Z * one.Z) % p
  const zz2 = (other.Z * other.Z) % p
  const u = (one.X * zz2) % p
  const s = (one.Y * zz2 * other.Z) % p
  const h = modulo(other.X * zz1 - u, p)
  const r = modulo(other.Y * zz1 * one.Z - s, p)
  if (h === 0n) return r === 0n ? double(curve, one) : nowhere
  const hh = (h * h) % p
  const v = (u * hh) % p
  const x = modulo(r * r - hh * h - 2n * v, p)
  return { X: x, Y: modulo(r * (v - x) - s * hh * h, p), Z: (h * one.Z * other.Z) % p }
}

/** `first * a + second * b`. */
export function combine(
  curve: Curve,
  first: bigint,
  a: Point,
  second: bigint = 0n,
  b: Point = 'infinity',
): Point {
  const toJacobian = (point: Point) =>
    point === 'infinity' ? nowhere : { X: point.x, Y: point.y, Z: 1n }
  const [one, other] = [toJacobian(a), toJacobian(b)]
  const [u, v] = [modulo(first, curve.n), modulo(second, curve.n)]
  let sum = nowhere
  for (let bit = 255n; bit >= 0n; bit--) {
    sum = double(curve, sum)
    if ((u >> bit) & 1n) sum = add(curve, sum, one)
    if ((v >> bit) & 1n) sum = add(curve, sum, other)
  }
  if (sum.Z === 0n) return 'infinity'
  const back = inverse(sum.Z, curve.p)
  return {
    x: (sum.X * back * back) % curve.p,
    y: (((sum.Y * back * back) % curve.p) * back) % curve.p,
  }
}

/** What a key of the curve signs, as a number: P-256 hashes the digest once more. */
export function hashedNumber(algorithm: 'p256' | 'secp256k1', digest: Uint8Array): bigint {
  const hashed = algorithm === 'p256' ? createHash('sha256').update(digest).digest() : digest
  return bigEndianNumber(hashed)
}

function verifyEcdsa(
  algorithm: 'p256' | 'secp256k1',
  key: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const curve = curves[algorithm]
  if (key.length !== 64) return false
  const x = bigEndianNumber(key.subarray(0, 32))
  const y = bigEndianNumber(key.subarray(32))
  if (x >= curve.p || y >= curve.p || !isOnCurve(curve, x, y)) return false
  const r = bigEndianNumber(signature.subarray(0, 32))
  const s = bigEndianNumber(signature.subarray(32))
  if (r === 0n || r >= curve.n || s === 0n || 2n * s >= curve.n) return false
  const back = inverse(s, curve.n)
  const e = hashedNumber(algorithm, digest)
  const point = combine(curve, e * back, curve.base, r * back, { x, y })
  return point !== 'infinity' && modulo(point.x, curve.n) === r
}

/** The twisted Edwards curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032, section 5.1). */
const q = 2n ** 255n - 19n
const d = modulo(-121_665n * inverse(121_666n, q), q)
export const edwardsPrime = q
export const edwardsOrder = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n
/** Extended coordinates: x = X / Z, y = Y / Z, T = XY / Z. */
export type Edwards = {
  readonly X: bigint
  readonly Y: bigint
  readonly Z: bigint
  readonly T: bigint
}
const neutral: Edwards = { X: 0n, Y: 1n, Z: 1n, T: 0n }

export function addEdwards(one: Edwards, other: Edwards): Edwards {
  const a = modulo((one.Y - one.X) * (other.Y - other.X), q)
  const b = modulo((one.Y + one.X) * (other.Y + other.X), q)
  const c = modulo(2n * one.T * other.T * d, q)
  const z = modulo(2n * one.Z * other.Z, q)
  const [e, f, g, h] = [b - a, z - c, z + c, b + a]
  return { X: modulo(e * f, q), Y: modulo(g * h, q), Z: modulo(f * g, q), T: modulo(e * h, q) }
}

export function timesEdwards(factor: bigint, point: Edwards): Edwards {
  let sum = neutral
  for (let bit = 255n; bit >= 0n; bit--) {
    sum = addEdwards(sum, sum)
    if ((factor >> bit) & 1n) sum = addEdwards(sum, point)
  }
  return sum
}

/** RFC 8032, section 5.1.3, strict: y below the prime, no sign on x = 0. */
export function decodeEdwards(bytes: Uint8Array): Edwards | undefined {
  if (bytes.length !== 32) return undefined
  const number = littleEndianNumber(bytes)
  const sign = number >> 255n
  const y = number & (2n ** 255n - 1n)
  if (y >= q) return undefined
  const square = modulo((y * y - 1n) * inverse(d * y * y + 1n, q), q)
  const root = power(square, (q + 3n) / 8n, q)
  const candidates = [root, (root * power(2n, (q - 1n) / 4n, q)) % q]
  const x = candidates.find((one) => (one * one) % q === square)
  if (x === undefined || (x === 0n && sign === 1n)) return undefined
  const signed = (x & 1n) === sign ? x : q - x
  return { X: signed, Y: y, Z: 1n, T: (signed * y) % q }
}

export function encodeEdwards({ X, Y, Z }: Edwards): Uint8Array {
  const back = inverse(Z, q)
  const x = (X * back) % q
  return littleEndianBytes(((Y * back) % q) | ((x & 1n) << 255n))
}

export const edwardsBase = decodeEdwards(littleEndianBytes((4n * inverse(5n, q)) % q)) ?? neutral

function isNeutral({ X, Y, Z }: Edwards): boolean {
  return X === 0n && Y === Z
}

/** SHA-512 of everything that a signature binds, modulo the order. */
export function edwardsChallenge(...parts: readonly Uint8Array[]): bigint {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return littleEndianNumber(hash.digest()) % edwardsOrder
}

/** Without clearing the cofactor, for keys of the prime-order group alone. */
function verifyEdwards(key: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const point = decodeEdwards(key)
  const nonce = decodeEdwards(signature.subarray(0, 32))
  const s = littleEndianNumber(signature.subarray(32))
  if (!point || !nonce || s >= edwardsOrder) return false
  if (isNeutral(point) || !isNeutral(timesEdwards(edwardsOrder, point))) return false
  const challenge = edwardsChallenge(signature.subarray(0, 32), key, digest)
  const left = timesEdwards(s, edwardsBase)
  const right = addEdwards(nonce, timesEdwards(challenge, point))
  return (
    modulo(left.X * right.Z - right.X * left.Z, q) === 0n &&
    (left.Y * right.Z) % q === (right.Y * left.Z) % q
  )
}

/** The verdict of the rules of docs/protocol.md, section 5.3. */
export function textbookVerify(
  key: { readonly algorithm: Algorithm; readonly bytes: Uint8Array },
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (digest.length !== 32 || signature.length !== 64) return false
  const { algorithm, bytes } = key
  return algorithm === 'ed25519'
    ? verifyEdwards(bytes, digest, signature)
    : verifyEcdsa(algorithm, bytes, digest, signature)
}
