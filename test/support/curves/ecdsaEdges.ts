/**
 * Signatures and keys at the edges of ECDSA, each with the verdict that the rules demand. Where a
 * valid signature of a given shape is wanted, the key is chosen after it: of r, s and the digest
 * follows the one key that they verify under.
 * @module
 */
import { createHash } from 'node:crypto'
import { present } from '../../../protocol/assert.ts'
import { concatBytes } from '../../../protocol/bytes.ts'
import type { PublicKey } from '../../../protocol/keys.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import { counting, keyNamed } from '../fixtures.ts'
import type { Point } from './textbook.ts'
import {
  bigEndianBytes,
  bigEndianNumber,
  combine,
  curves,
  hashedNumber,
  inverse,
  isOnCurve,
  liftX,
  modulo,
} from './textbook.ts'

export type EdgeCase = {
  readonly why: string
  readonly key: PublicKey
  readonly digest: Uint8Array
  readonly signature: Uint8Array
  readonly valid: boolean
}

export type EcdsaName = keyof typeof curves

/** A key whose digest of this one is known, and what they make. */
function usual(algorithm: EcdsaName) {
  const secret = keyNamed(algorithm, 1)
  const digest = counting(0)
  return { secret, key: publicKeyOf(secret), digest, signature: signDigest(secret, digest) }
}

function fromPoint(algorithm: EcdsaName, point: Point): PublicKey {
  if (point === 'infinity') throw new RangeError('no key at infinity')
  return { algorithm, bytes: concatBytes(bigEndianBytes(point.x), bigEndianBytes(point.y)) }
}

/** The key under which (r, s) verifies, with the point of x-coordinate `x` and r = x mod n. */
function keyFor(algorithm: EcdsaName, digest: Uint8Array, x: bigint, s: bigint) {
  const curve = curves[algorithm]
  const y = present(liftX(curve, x), 'x is of a point')
  const r = modulo(x, curve.n)
  const back = inverse(r, curve.n)
  const e = hashedNumber(algorithm, digest)
  const point = combine(curve, s * back, { x, y }, -e * back, curve.base)
  const signature = concatBytes(bigEndianBytes(r), bigEndianBytes(s))
  return { key: fromPoint(algorithm, point), signature }
}

/** The first x from `start` on that belongs to a point. */
function nextX(algorithm: EcdsaName, start: bigint, step = 1n): bigint {
  let x = start
  while (liftX(curves[algorithm], x) === undefined) x += step
  return x
}

function chosenKeys(algorithm: EcdsaName): readonly EdgeCase[] {
  const { n, p } = curves[algorithm]
  const half = (n - 1n) / 2n
  const digest = counting(7)
  const low = nextX(algorithm, 1n)
  const usualX = nextX(algorithm, n / 3n)
  const shapes: readonly (readonly [string, bigint, bigint, boolean])[] = [
    ['s = 1', usualX, 1n, true],
    ['s = 2', usualX, 2n, true],
    ['s = (n - 1) / 2, the highest low s', usualX, half, true],
    ['s = (n + 1) / 2, the lowest high s', usualX, half + 1n, false],
    ['s = n - 1', usualX, n - 1n, false],
    ['s with 31 leading zero bytes', usualX, 0xffn, true],
    ['s with 16 leading zero bytes', usualX, 1n << 127n, true],
    ['r as small as can be', low, half - 5n, true],
    ['r and s as small as can be', low, 1n, true],
    ['r with one leading zero byte', nextX(algorithm, 1n << 247n), 3n, true],
    ['r with 16 leading zero bytes', nextX(algorithm, 1n << 127n), 3n, true],
    ['r as large as can be', nextX(algorithm, n - 1n, -1n), half, true],
    ['x of the point is n or more, so r is x - n', nextX(algorithm, n + 1n), 9n, true],
    ['x of the point just below p', nextX(algorithm, p - 1n, -1n), 9n, true],
  ]
  return shapes.map(([why, x, s, valid]) => ({
    ...keyFor(algorithm, digest, x, s),
    why: `chosen key: ${why}`,
    digest,
    valid,
  }))
}

/** (r, s) of a good signature, one or both replaced by values at the edges. */
function edgeNumbers(algorithm: EcdsaName): readonly EdgeCase[] {
  const { n, p } = curves[algorithm]
  const { key, digest, signature } = usual(algorithm)
  const r = bigEndianNumber(signature.subarray(0, 32))
  const s = bigEndianNumber(signature.subarray(32))
  const top = (1n << 256n) - 1n
  const edges: readonly (readonly [string, bigint])[] = [
    ['0', 0n],
    ['1', 1n],
    ['2', 2n],
    ['(n - 1) / 2', (n - 1n) / 2n],
    ['(n + 1) / 2', (n + 1n) / 2n],
    ['n - 1', n - 1n],
    ['n', n],
    ['n + 1', n + 1n],
    ['p - 1', p - 1n],
    ['p', p],
    ['p + 1', p + 1n],
    ['2^255', 1n << 255n],
    ['2^256 - 1', top],
  ]
  const withRest = (name: string, own: bigint) =>
    [
      ['itself', own],
      [`n - ${name}`, n - own],
      [`${name} / 2`, modulo(own * inverse(2n, n), n)],
    ] as const
  const all = [edges.concat(withRest('r', r)), edges.concat(withRest('s', s))] as const
  return all[0].flatMap(([rName, rEdge]) =>
    all[1].map(([sName, sEdge]) => ({
      why: `r: ${rName}, s: ${sName}`,
      key,
      digest,
      signature: concatBytes(bigEndianBytes(rEdge), bigEndianBytes(sEdge)),
      valid: rEdge === r && sEdge === s,
    })),
  )
}

/** Sums that meet special cases of the addition of points. */
function specialSums(algorithm: EcdsaName): readonly EdgeCase[] {
  const curve = curves[algorithm]
  const { n, base } = curve
  const digest = counting(9)
  const e = hashedNumber(algorithm, digest)
  const cases: EdgeCase[] = []
  for (const [name, secret] of [
    ['the base point', 1n],
    ['twice the base point', 2n],
    ['the negative of the base point', n - 1n],
    ['another point', 12_345n],
  ] as const) {
    const key = fromPoint(algorithm, combine(curve, secret, base))
    const nonce = 6_789n
    const point = combine(curve, nonce, base)
    const r = modulo(point === 'infinity' ? 0n : point.x, n)
    const full = modulo((e + r * secret) * inverse(nonce, n), n)
    const s = 2n * full > n ? n - full : full
    const signature = concatBytes(bigEndianBytes(r), bigEndianBytes(s))
    cases.push({ why: `key is ${name}`, key, digest, signature, valid: true })
    // e + rd = 0: the sum is the point at infinity whatever s is.
    const vanishing = modulo(-e * inverse(secret, n), n)
    const nothing = concatBytes(bigEndianBytes(vanishing), bigEndianBytes(5n))
    const why = `sum is infinity, key is ${name}`
    cases.push({ why, key, digest, signature: nothing, valid: false })
    // r = e makes both factors equal.
    const equal = concatBytes(bigEndianBytes(modulo(e, n)), bigEndianBytes(7n))
    const even = `both factors equal, key is ${name}`
    cases.push({ why: even, key, digest, signature: equal, valid: false })
  }
  return cases
}

/** A curve's own digests at the edges: 0, n and beyond, where the digest is signed itself. */
function edgeDigests(algorithm: EcdsaName): readonly EdgeCase[] {
  const { n, p } = curves[algorithm]
  const values = [0n, 1n, n - 1n, n, n + 1n, p, (1n << 256n) - 1n]
  return values.flatMap((value) => {
    const digest = bigEndianBytes(value)
    const shared = keyFor(algorithm, digest, nextX(algorithm, n / 5n), 11n)
    const name = value.toString(16)
    const { secret, key } = usual(algorithm)
    const signature = signDigest(secret, digest)
    return [
      { ...shared, why: `digest ${name}, chosen key`, digest, valid: true },
      { why: `digest ${name}, usual key`, key, digest, signature, valid: true },
    ]
  })
}

/** Forms that other systems give a signature. */
function otherForms(algorithm: EcdsaName): readonly EdgeCase[] {
  const { key, digest, signature, secret } = usual(algorithm)
  const { n } = curves[algorithm]
  const [r, s] = [signature.slice(0, 32), signature.slice(32)]
  const integer = (bytes: Uint8Array) => {
    const sign = (bytes[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0)
    return concatBytes(Uint8Array.of(2, bytes.length + sign.length), sign, bytes)
  }
  const body = concatBytes(integer(r), integer(s))
  const der = concatBytes(Uint8Array.of(0x30, body.length), body)
  const zero = Uint8Array.of(0)
  const hashed = Uint8Array.from(createHash('sha256').update(digest).digest())
  const forms: readonly (readonly [string, Uint8Array])[] = [
    ['DER', der],
    ['DER cut to 64 bytes', der.slice(0, 64)],
    ['DER from its eighth byte', der.slice(-64)],
    ['empty', new Uint8Array(0)],
    ['r alone', r],
    ['63 bytes, the first left out', signature.slice(1)],
    ['63 bytes, the last left out', signature.slice(0, 63)],
    ['65 bytes, a zero in front', concatBytes(zero, signature)],
    ['65 bytes, a zero behind', concatBytes(signature, zero)],
    ['65 bytes, recovery id 27', concatBytes(signature, Uint8Array.of(27))],
    ['66 bytes, both parts padded', concatBytes(zero, r, zero, s)],
    ['128 bytes, as hex', new TextEncoder().encode(Buffer.from(signature).toString('hex'))],
    ['128 bytes, twice', concatBytes(signature, signature)],
    ['s before r', concatBytes(s, r)],
    ['both parts little-endian', concatBytes(r.slice().reverse(), s.slice().reverse())],
    ['all bytes backwards', signature.slice().reverse()],
    ['r + n where it fits', concatBytes(bigEndianBytes(bigEndianNumber(r) + n), s)],
    ['s + n where it fits', concatBytes(r, bigEndianBytes(bigEndianNumber(s) + n))],
    ['of the digest hashed once more', signDigest(secret, hashed)],
    ['all ones', new Uint8Array(64).fill(255)],
    ['all zeros', new Uint8Array(64)],
  ]
  return forms.map(([why, form]) => ({
    why: `form: ${why}`,
    key,
    digest,
    signature: form,
    valid: false,
  }))
}

/** Keys that are none, with a signature that a careless verifier may take. */
function badKeys(algorithm: EcdsaName): readonly EdgeCase[] {
  const { key, digest, signature } = usual(algorithm)
  const { p } = curves[algorithm]
  const other = algorithm === 'p256' ? 'secp256k1' : 'p256'
  const [x, y] = [key.bytes.slice(0, 32), key.bytes.slice(32)]
  const yNumber = bigEndianNumber(y)
  const small = nextX(algorithm, 1n)
  const smallY = present(liftX(curves[algorithm], small), 'a point')
  const join = (one: bigint, two: bigint) => concatBytes(bigEndianBytes(one), bigEndianBytes(two))
  const tagged = (tag: number, ...parts: Uint8Array[]) => concatBytes(Uint8Array.of(tag), ...parts)
  const keys: readonly (readonly [string, Uint8Array])[] = [
    ['empty', new Uint8Array(0)],
    ['infinity as one zero byte', Uint8Array.of(0)],
    ['infinity as 64 zero bytes', new Uint8Array(64)],
    ['x alone', x],
    ['compressed', tagged(2 + Number(yNumber & 1n), x)],
    ['uncompressed with its tag', tagged(4, x, y)],
    ['hybrid', tagged(6 + Number(yNumber & 1n), x, y)],
    ['63 bytes', key.bytes.slice(1)],
    ['65 bytes', concatBytes(key.bytes, Uint8Array.of(0))],
    ['128 bytes', concatBytes(key.bytes, key.bytes)],
    ['y negated', join(bigEndianNumber(x), p - yNumber)],
    ['y + 1', join(bigEndianNumber(x), yNumber + 1n)],
    ['x and y swapped', concatBytes(y, x)],
    ['y = 0', concatBytes(x, new Uint8Array(32))],
    ['x = 0, y = 0 but for one bit', join(0n, 1n)],
    ['x = p', join(p, yNumber)],
    ['y = p', join(bigEndianNumber(x), p)],
    ['all ones', new Uint8Array(64).fill(255)],
    ['a small x, plus p', join(small + p, smallY)],
    ['a point of the other curve', publicKeyOf(keyNamed(other, 1)).bytes],
    ['the base point of the other curve', fromPoint(other, curves[other].base).bytes],
    ['little-endian', concatBytes(x.slice().reverse(), y.slice().reverse())],
  ]
  return keys.map(([why, bytes]) => ({
    why: `key: ${why}`,
    key: { algorithm, bytes },
    digest,
    signature,
    valid: false,
  }))
}

/** Sound keys that are unusual: coordinates with leading zeros, x = 0 where such a point is. */
function unusualKeys(algorithm: EcdsaName): readonly EdgeCase[] {
  const found: EdgeCase[] = []
  const digest = counting(5)
  let first = 0
  for (const [name, place] of [
    ['x with a leading zero', 0],
    ['y with a leading zero', 32],
  ] as const) {
    let secret = keyNamed(algorithm, 1)
    do {
      secret = { algorithm, bytes: bigEndianBytes(BigInt(++first)) }
    } while (publicKeyOf(secret).bytes[place] !== 0)
    const signature = signDigest(secret, digest)
    found.push({ why: `key: ${name}`, key: publicKeyOf(secret), digest, signature, valid: true })
  }
  const { b } = curves[algorithm]
  const y = liftX(curves[algorithm], 0n)
  if (y === undefined || !isOnCurve(curves[algorithm], 0n, y) || b === 0n) return found
  const key: PublicKey = { algorithm, bytes: concatBytes(new Uint8Array(32), bigEndianBytes(y)) }
  const { signature } = usual(algorithm)
  return [...found, { why: 'key: x = 0', key, digest, signature, valid: false }]
}

/** One bit of one part turned over. */
function flippedBits(algorithm: EcdsaName): readonly EdgeCase[] {
  const { key, digest, signature } = usual(algorithm)
  const flipped = (bytes: Uint8Array, bit: number) => {
    const copy = bytes.slice()
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return copy
  }
  const every = (bits: number, step: number) =>
    Array.from({ length: Math.ceil(bits / step) }, (_, place) => place * step)
  return [
    ...every(512, 5).map((bit) => ({
      why: `bit ${bit} of the signature`,
      key,
      digest,
      signature: flipped(signature, bit),
      valid: false,
    })),
    ...every(512, 7).map((bit) => ({
      why: `bit ${bit} of the key`,
      key: { algorithm, bytes: flipped(key.bytes, bit) },
      digest,
      signature,
      valid: false,
    })),
    ...every(256, 7).map((bit) => ({
      why: `bit ${bit} of the digest`,
      key,
      digest: flipped(digest, bit),
      signature,
      valid: false,
    })),
  ]
}

export function ecdsaEdges(algorithm: EcdsaName): readonly EdgeCase[] {
  return [
    ...chosenKeys(algorithm),
    ...edgeNumbers(algorithm),
    ...specialSums(algorithm),
    ...edgeDigests(algorithm),
    ...otherForms(algorithm),
    ...badKeys(algorithm),
    ...unusualKeys(algorithm),
    ...flippedBits(algorithm),
  ]
}
