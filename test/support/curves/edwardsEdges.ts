/**
 * Signatures and keys at the edges of Ed25519, each with the verdict that the rules demand: points
 * of small order, encodings that are not canonical, numbers at and beyond the order.
 * @module
 */

import { createHash } from 'node:crypto'
import { ed25519ctx, ed25519ph } from '@noble/curves/ed25519.js'
import { present } from '../../../protocol/assert.ts'
import { concatBytes, utf8ToBytes } from '../../../protocol/bytes.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import { counting, keyNamed } from '../fixtures.ts'
import type { EdgeCase } from './ecdsaEdges.ts'
import type { Edwards } from './textbook.ts'
import {
  addEdwards,
  decodeEdwards,
  edwardsBase,
  edwardsChallenge,
  edwardsPrime,
  encodeEdwards,
  edwardsOrder as L,
  littleEndianBytes,
  littleEndianNumber,
  modulo,
  timesEdwards,
} from './textbook.ts'

const secret = keyNamed('ed25519', 1)
const key = publicKeyOf(secret)
const digest = counting(0)
const good = signDigest(secret, digest)
const goodR = good.slice(0, 32)
const goodS = littleEndianNumber(good.subarray(32))
const point = present(decodeEdwards(key.bytes), 'a key is a point')

/** RFC 8032, section 5.1.5: the scalar of a seed. */
function scalarOf(seed: Uint8Array): bigint {
  const half = Uint8Array.from(createHash('sha512').update(seed).digest()).slice(0, 32)
  half[0] = (half[0] ?? 0) & 248
  half[31] = ((half[31] ?? 0) & 127) | 64
  return littleEndianNumber(half)
}
const scalar = scalarOf(secret.bytes)

/** A point of order 8: any point times L that generates the small group. */
function smallGenerator(): Edwards {
  for (let y = 2n; ; y++) {
    const found = decodeEdwards(littleEndianBytes(y))
    const small = found && timesEdwards(L, found)
    if (small && timesEdwards(4n, small).X === 0n && !isNeutral(timesEdwards(4n, small))) {
      return small
    }
  }
}

function isNeutral(one: Edwards): boolean {
  return one.X === 0n && one.Y === one.Z
}

const generator = smallGenerator()
/** All eight, the identity first. */
export const smallPoints: readonly Edwards[] = Array.from({ length: 8 }, (_, place) =>
  timesEdwards(BigInt(place), generator),
)

/** Encodings of y in [p, 2^255): 19 values, each with both signs. */
const beyondPrime = Array.from({ length: 19 }, (_, place) => edwardsPrime + BigInt(place)).flatMap(
  (y) => [littleEndianBytes(y), littleEndianBytes(y + (1n << 255n))],
)

function edge(why: string, change: Partial<EdgeCase>): EdgeCase {
  return { why, key, digest, signature: good, valid: false, ...change }
}

function withKey(why: string, bytes: Uint8Array, change: Partial<EdgeCase> = {}): EdgeCase {
  return edge(`key: ${why}`, { key: { algorithm: 'ed25519', bytes }, ...change })
}

/** What the owner of `secretScalar` signs with this nonce and R, under these key bytes. */
function signWith(nonce: bigint, r: Uint8Array, secretScalar: bigint, keyBytes: Uint8Array) {
  const challenge = edwardsChallenge(r, keyBytes, digest)
  return concatBytes(r, littleEndianBytes(modulo(nonce + challenge * secretScalar, L)))
}

function numbers(): readonly EdgeCase[] {
  const values: readonly (readonly [string, bigint])[] = [
    ['0', 0n],
    ['1', 1n],
    ['L - 1', L - 1n],
    ['L', L],
    ['L + 1', L + 1n],
    ['2L', 2n * L],
    ['8L', 8n * L],
    ['s + L', goodS + L],
    ['s + 2L', goodS + 2n * L],
    ['s + 8L', goodS + 8n * L],
    ['s + 15L', goodS + 15n * L],
    ['L - s', L - goodS],
    ['2^252', 1n << 252n],
    ['2^253 - 1', (1n << 253n) - 1n],
    ['2^253 + s', (1n << 253n) + goodS],
    ['2^254 + s', (1n << 254n) + goodS],
    ['2^255 + s', (1n << 255n) + goodS],
    ['2^255 - 1', (1n << 255n) - 1n],
    ['2^256 - 1', (1n << 256n) - 1n],
    ['p', edwardsPrime],
  ]
  return values.map(([why, s]) =>
    edge(`s: ${why}`, { signature: concatBytes(goodR, littleEndianBytes(s)) }),
  )
}

/** R replaced by points of small order, with an s that verifies once the cofactor is cleared. */
function nonces(): readonly EdgeCase[] {
  const small = smallPoints.map((one, place) => {
    const signature = signWith(0n, encodeEdwards(one), scalar, key.bytes)
    const why = `R: small point ${place}, s to match`
    return edge(why, { signature, valid: place === 0 })
  })
  const mixed = smallPoints.map((one, place) => {
    const nonce = 1_234_567n
    const r = encodeEdwards(addEdwards(timesEdwards(nonce, edwardsBase), one))
    const why = `R: good point + small point ${place}, s to match`
    return edge(why, { signature: signWith(nonce, r, scalar, key.bytes), valid: place === 0 })
  })
  const foreign: readonly (readonly [string, Uint8Array])[] = [
    ['zero bytes', new Uint8Array(32)],
    ['ones', new Uint8Array(32).fill(255)],
    ['the key', key.bytes],
    ['the base point', encodeEdwards(edwardsBase)],
    ['its sign turned', goodR.map((byte, place) => (place === 31 ? byte ^ 0x80 : byte))],
    ['no point: y = 2', littleEndianBytes(2n)],
    ['the identity with a sign', littleEndianBytes(1n + (1n << 255n))],
  ]
  const replaced = foreign.flatMap(([why, r]) => [
    edge(`R: ${why}`, { signature: concatBytes(r, good.slice(32)) }),
    edge(`R: ${why}, s = 0`, { signature: concatBytes(r, new Uint8Array(32)) }),
  ])
  const long = beyondPrime.map((r, place) =>
    edge(`R: encoding ${place} beyond p, s to match the identity`, {
      signature: signWith(0n, r, scalar, key.bytes),
    }),
  )
  return [...small, ...mixed, ...replaced, ...long]
}

/** Keys of small order, with parts of small order, and encodings that are not canonical. */
function keys(): readonly EdgeCase[] {
  const base = encodeEdwards(edwardsBase)
  const baseSigned = signWith(99n, encodeEdwards(timesEdwards(99n, edwardsBase)), 1n, base)
  const trivial = concatBytes(base, littleEndianBytes(1n))
  const small = smallPoints.flatMap((one, place) => {
    const bytes = encodeEdwards(one)
    return [
      withKey(`small point ${place}`, bytes),
      withKey(`small point ${place}, R = B, s = 1`, bytes, { signature: trivial }),
      withKey(`small point ${place}, R = key, s = 0`, bytes, {
        signature: concatBytes(bytes, new Uint8Array(32)),
      }),
    ]
  })
  const mixed = smallPoints.map((one, place) => {
    const bytes = encodeEdwards(addEdwards(point, one))
    const nonce = 777n
    const r = encodeEdwards(timesEdwards(nonce, edwardsBase))
    const signature = signWith(nonce, r, scalar, bytes)
    return withKey(`own + small point ${place}`, bytes, { signature, valid: place === 0 })
  })
  const long = beyondPrime.flatMap((bytes, place) => [
    withKey(`encoding ${place} beyond p`, bytes),
    withKey(`encoding ${place} beyond p, R = B, s = 1`, bytes, { signature: trivial }),
  ])
  const turned = key.bytes.map((byte, place) => (place === 31 ? byte ^ 0x80 : byte))
  return [
    ...small,
    ...mixed,
    ...long,
    withKey('the base point, which signs with 1', base, { signature: baseSigned, valid: true }),
    withKey('its sign turned', turned),
    withKey('no point: y = 2', littleEndianBytes(2n)),
    withKey('the identity with a sign', littleEndianBytes(1n + (1n << 255n))),
    ...[0, 1, 31, 33, 63, 64, 65].map((length) =>
      withKey(`${length} bytes`, concatBytes(key.bytes, key.bytes, key.bytes).slice(0, length)),
    ),
    withKey('backwards', key.bytes.slice().reverse()),
  ]
}

function forms(): readonly EdgeCase[] {
  const hashed = Uint8Array.from(createHash('sha256').update(digest).digest())
  const context = utf8ToBytes('tickpay')
  const zero = Uint8Array.of(0)
  const list: readonly (readonly [string, Uint8Array])[] = [
    ['empty', new Uint8Array(0)],
    ['R alone', goodR],
    ['63 bytes, the first left out', good.slice(1)],
    ['63 bytes, the last left out', good.slice(0, 63)],
    ['65 bytes, a zero in front', concatBytes(zero, good)],
    ['65 bytes, a zero behind', concatBytes(good, zero)],
    ['128 bytes, twice', concatBytes(good, good)],
    ['128 bytes, as hex', utf8ToBytes(Buffer.from(good).toString('hex'))],
    ['s before R', concatBytes(good.slice(32), goodR)],
    ['all bytes backwards', good.slice().reverse()],
    ['s big-endian', concatBytes(goodR, good.slice(32).reverse())],
    ['Ed25519ph', ed25519ph.sign(digest, secret.bytes)],
    ['Ed25519ctx', ed25519ctx.sign(digest, secret.bytes, { context })],
    ['of the digest hashed once more', signDigest(secret, hashed)],
    ['another key', signDigest(keyNamed('ed25519', 2), digest)],
    ['all zeros', new Uint8Array(64)],
    ['all ones', new Uint8Array(64).fill(255)],
  ]
  return list.map(([why, signature]) => edge(`form: ${why}`, { signature }))
}

function flippedBits(): readonly EdgeCase[] {
  const flipped = (bytes: Uint8Array, bit: number) => {
    const copy = bytes.slice()
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return copy
  }
  const places = (bits: number, step: number) =>
    Array.from({ length: Math.ceil(bits / step) }, (_, place) => place * step)
  return [
    ...places(512, 5).map((bit) => edge(`bit ${bit} of it`, { signature: flipped(good, bit) })),
    ...places(256, 5).map((bit) => withKey(`bit ${bit} turned`, flipped(key.bytes, bit))),
    ...places(256, 7).map((bit) =>
      edge(`bit ${bit} of the digest`, { digest: flipped(digest, bit) }),
    ),
  ]
}

export function edwardsEdges(): readonly EdgeCase[] {
  const own = edge('good', { valid: true })
  return [own, ...numbers(), ...nonces(), ...keys(), ...forms(), ...flippedBits()]
}
