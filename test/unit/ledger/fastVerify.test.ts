import { ed25519 } from '@noble/curves/ed25519.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFastVerify, fastSha256, fastVerify } from '../../../ledger/io/fastVerify.ts'
import { concatBytes } from '../../../protocol/bytes.ts'
import type { Algorithm, PublicKey } from '../../../protocol/keys.ts'
import { algorithms, publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { keyOf, seedOf } from './world.ts'

const orders: Record<'p256' | 'secp256k1', bigint> = {
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  secp256k1: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
}
const digest = seedOf(123_456)
const bytesOf = (value: bigint) =>
  new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))
const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

/** Both verifiers' answer; fails when they differ. */
function agreed(key: PublicKey, about: Uint8Array, signature: Uint8Array): boolean {
  const answer = fastVerify(key, about, signature)
  expect(answer).toBe(verifyDigest(key, about, signature))
  return answer
}

function signed(algorithm: Algorithm, number = 1) {
  const secret = keyOf(number, algorithm)
  return { key: publicKeyOf(secret), signature: signDigest(secret, digest) }
}

describe('the fast verifier and the reference', () => {
  for (const algorithm of algorithms) {
    it(`agree on every changed byte of ${algorithm}`, () => {
      const { key, signature } = signed(algorithm)
      expect(agreed(key, digest, signature)).toBe(true)
      const lengths = { key: key.bytes.length, digest: 32, signature: 64 }
      const change = fc.record({
        part: fc.constantFrom('key', 'digest', 'signature'),
        place: fc.nat(63),
        bits: fc.integer({ min: 1, max: 255 }),
      })
      fc.assert(
        fc.property(change, ({ part, place, bits }) => {
          const parts = {
            key: key.bytes.slice(),
            digest: digest.slice(),
            signature: signature.slice(),
          }
          const at = place % lengths[part]
          parts[part][at] = (parts[part][at] ?? 0) ^ bits
          const changedKey = { algorithm, bytes: parts.key }
          expect(agreed(changedKey, parts.digest, parts.signature)).toBe(false)
        }),
        { numRuns: 60 },
      )
    })

    it(`agree on wrong lengths of ${algorithm}`, () => {
      const { key, signature } = signed(algorithm)
      const bytes = key.bytes
      for (const length of [0, 31, 32, 33, 63, 64, 65]) {
        if (length === bytes.length) continue
        const other = concatBytes(bytes, bytes).slice(0, length)
        expect(agreed({ algorithm, bytes: other }, digest, signature)).toBe(false)
      }
      expect(agreed(key, digest, signature.slice(0, 63))).toBe(false)
      expect(agreed(key, digest, concatBytes(signature, new Uint8Array(1)))).toBe(false)
      expect(agreed(key, digest.slice(1), signature)).toBe(false)
    })
  }

  for (const algorithm of ['p256', 'secp256k1'] as const) {
    it(`agree on the edges of s and r of ${algorithm}`, () => {
      const { key, signature } = signed(algorithm)
      const order = orders[algorithm]
      const r = signature.subarray(0, 32)
      const s = numberOf(signature.subarray(32))
      for (const edge of [0n, order - s, order / 2n, order / 2n + 1n, order, order + 1n]) {
        expect(agreed(key, digest, concatBytes(r, bytesOf(edge)))).toBe(false)
      }
      for (const edge of [0n, order - 1n, order]) {
        const swapped = concatBytes(bytesOf(edge), signature.subarray(32))
        expect(agreed(key, digest, swapped)).toBe(false)
      }
    })

    it(`agree on keys that are no points of ${algorithm}`, () => {
      const { key, signature } = signed(algorithm)
      const y = key.bytes.subarray(32)
      const bad = [
        new Uint8Array(64),
        new Uint8Array(64).fill(0xff),
        concatBytes(y, y),
        concatBytes(key.bytes.subarray(0, 32), bytesOf(numberOf(y) ^ 1n)),
      ]
      for (const bytes of bad) expect(agreed({ algorithm, bytes }, digest, signature)).toBe(false)
    })
  }

  it('agree that a point of small order is no Ed25519 key', () => {
    const identity = concatBytes(new Uint8Array([1]), new Uint8Array(31))
    const key = { algorithm: 'ed25519', bytes: identity } as const
    expect(agreed(key, digest, concatBytes(identity, new Uint8Array(32)))).toBe(false)
  })

  it('agree on an Ed25519 signature whose R has a part of small order', () => {
    const secret = keyOf(1, 'ed25519')
    const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(secret.bytes)
    const order = ed25519.Point.Fn.ORDER
    const torsion = ed25519.Point.fromHex(
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    )
    const nonce = 12_345n
    const r = ed25519.Point.BASE.multiply(nonce).add(torsion).toBytes()
    const hashed = sha512(concatBytes(r, pointBytes, digest)).reverse()
    const s = (nonce + (numberOf(hashed) % order) * scalar) % order
    const signature = concatBytes(r, bytesOf(s).reverse())
    expect(ed25519.verify(signature, digest, pointBytes, { zip215: false })).toBe(true)
    expect(agreed({ algorithm: 'ed25519', bytes: pointBytes }, digest, signature)).toBe(false)
  })

  it('remembers keys without confusing them, however few it may keep', () => {
    const verify = createFastVerify(2)
    const pairs = [1, 2, 3].flatMap((number) =>
      algorithms.map((algorithm) => signed(algorithm, number)),
    )
    for (const { key, signature } of [...pairs, ...pairs]) {
      expect(verify(key, digest, signature)).toBe(true)
      for (const other of pairs.filter((one) => one.signature !== signature)) {
        expect(verify(key, digest, other.signature)).toBe(false)
      }
    }
  })
})

describe('fastSha256', () => {
  it('agrees with the reference', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(Buffer.from(fastSha256(bytes)).equals(sha256(bytes))).toBe(true)
      }),
    )
  })

  it('gives bytes of their own', () => {
    const first = fastSha256(seedOf(1))
    const copy = first.slice()
    fastSha256(seedOf(2))
    expect(first).toEqual(copy)
  })
})
