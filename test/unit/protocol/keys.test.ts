import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bigEndian, bytesToHex, concatBytes, parseHex } from '../../../protocol/bytes.ts'
import type { Algorithm } from '../../../protocol/keys.ts'
import {
  algorithmByte,
  algorithms,
  encodePublicKey,
  isSoundPublicKey,
  parsePublicKey,
  privateKeyFrom,
  publicKeyOf,
  signDigest,
  verifyDigest,
} from '../../../protocol/keys.ts'
import { counting, keyNamed } from '../../support/fixtures.ts'
import { nodeDigest, nodePublicKey, nodeSign, nodeVerify } from '../../support/nodeKeys.ts'
import { mixedKey, mixedNonce, refusedKeys, refusedSignatures } from '../../support/vectors/keys.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const algorithm = fc.constantFrom(...algorithms)
const someKey = fc.tuple(algorithm, bytes32).map(([one, seed]) => privateKeyFrom(one, seed))
const orders = { p256: p256.Point.Fn.ORDER, secp256k1: secp256k1.Point.Fn.ORDER } as const

/** (r, s) and (r, n - s) verify alike in ECDSA; the protocol takes the lower. */
function lowS(one: Algorithm, signature: Uint8Array): Uint8Array {
  if (one === 'ed25519') return signature
  const s = BigInt(`0x${bytesToHex(signature.slice(32))}`)
  const n = orders[one]
  return s * 2n > n ? concatBytes(signature.slice(0, 32), bigEndian(n - s, 32)) : signature
}

describe.each(algorithms)('%s', (one) => {
  const key = keyNamed(one, 1)
  const publicKey = publicKeyOf(key)

  test('signs so that node:crypto verifies', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (seed, message) => {
        const signer = privateKeyFrom(one, seed)
        fc.pre(signer !== undefined)
        const signature = signDigest(signer, nodeDigest(one, message))
        expect(nodeVerify(publicKeyOf(signer), message, signature)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('verifies what node:crypto signs, once s is low', () => {
    fc.assert(
      fc.property(bytes32, (message) => {
        const signature = lowS(one, nodeSign(key, message))
        expect(verifyDigest(publicKey, nodeDigest(one, message), signature)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('agrees with node:crypto on signatures that were tampered with', () => {
    const message = counting(3)
    const good = signDigest(key, nodeDigest(one, message))
    fc.assert(
      fc.property(fc.nat(63), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const bad = good.slice()
        bad[place] = (bad[place] ?? 0) ^ change
        expect(verifyDigest(publicKey, nodeDigest(one, message), bad)).toBe(false)
        expect(nodeVerify(publicKey, message, bad)).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test('the same digest gives the same 64 bytes, with low s', () => {
    const signature = signDigest(key, counting(0))
    expect(signDigest(key, counting(0))).toEqual(signature)
    expect(signature.length).toBe(64)
    expect(lowS(one, signature)).toEqual(signature)
  })

  test.each(refusedSignatures(one))('refuses a signature: $why', ({ signature }) => {
    expect(verifyDigest(publicKey, counting(0), signature)).toBe(false)
  })

  test('a public key travels as algorithm byte and key', () => {
    const encoded = encodePublicKey(publicKey)
    expect(encoded[0]).toBe(algorithmByte(one))
    expect(encoded.length).toBe(one === 'ed25519' ? 33 : 65)
    expect(parsePublicKey(encoded)).toEqual(publicKey)
  })

  test('a digest of another length is never verified', () => {
    for (const length of [0, 31, 33]) {
      const digest = counting(0, length)
      expect(verifyDigest(publicKey, digest, new Uint8Array(64))).toBe(false)
      expect(() => signDigest(key, digest)).toThrow(RangeError)
    }
  })

  test('a key of another algorithm verifies nothing', () => {
    const signature = signDigest(key, counting(0))
    for (const other of algorithms.filter((name) => name !== one)) {
      const confused = { algorithm: other, bytes: publicKey.bytes }
      expect(verifyDigest(confused, counting(0), signature)).toBe(false)
    }
  })
})

describe('keys', () => {
  test('vets a public key before it is pinned', () => {
    for (const { why, publicKey } of refusedKeys()) {
      expect(parsePublicKey(publicKey), why).toBeUndefined()
    }
  })

  test('a key that is not sound verifies nothing, even what a small-order key would', () => {
    // With the identity as its key, (R = B, s = 1) verifies any message where keys are not vetted.
    const identity = { algorithm: 'ed25519' as const, bytes: bigEndian(1n, 32).reverse() }
    const base = parseHex(`58${'66'.repeat(31)}`) ?? new Uint8Array()
    const signature = concatBytes(base, bigEndian(1n, 32).reverse())
    expect(isSoundPublicKey(identity)).toBe(false)
    expect(verifyDigest(identity, counting(0), signature)).toBe(false)
  })

  test.each(['p256', 'ed25519'] as const)('%s: only a digest of 32 bytes is verified', (one) => {
    const key = keyNamed(one, 1)
    for (const length of [0, 31, 33, 64]) {
      const message = counting(0, length)
      const signature = lowS(one, nodeSign(key, message))
      expect(nodeVerify(publicKeyOf(key), message, signature)).toBe(true)
      expect(verifyDigest(publicKeyOf(key), message, signature)).toBe(false)
    }
  })

  test('a key with a part of small order verifies nothing, though its owner can sign', () => {
    const { publicKey, signature } = mixedKey(keyNamed('ed25519', 9), counting(4))
    const lax = ed25519.verify(signature, counting(4), publicKey.bytes, { zip215: false })
    expect(lax).toBe(true)
    expect(verifyDigest(publicKey, counting(4), signature)).toBe(false)
  })

  test('keys of the three algorithms are points that node:crypto accepts', () => {
    fc.assert(
      fc.property(someKey, (key) => {
        fc.pre(key !== undefined)
        expect(nodePublicKey(publicKeyOf(key)).asymmetricKeyType).toMatch(/^(ec|ed25519)$/)
        expect(isSoundPublicKey(publicKeyOf(key))).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('an Ed25519 R with a part of small order is refused, as OpenSSL refuses it', () => {
    const key = keyNamed('ed25519', 9)
    const signature = mixedNonce(key, counting(4))
    expect(nodeVerify(publicKeyOf(key), counting(4), signature)).toBe(false)
    expect(verifyDigest(publicKeyOf(key), counting(4), signature)).toBe(false)
  })

  test('high s is refused though it is a valid signature otherwise', () => {
    for (const one of ['p256', 'secp256k1'] as const) {
      const key = keyNamed(one, 5)
      const message = counting(6)
      const good = signDigest(key, nodeDigest(one, message))
      const s = BigInt(`0x${bytesToHex(good.slice(32))}`)
      const high = concatBytes(good.slice(0, 32), bigEndian(orders[one] - s, 32))
      expect(nodeVerify(publicKeyOf(key), message, high)).toBe(true)
      expect(verifyDigest(publicKeyOf(key), nodeDigest(one, message), high)).toBe(false)
    }
  })

  test('RFC 8032, section 7.1: public keys of tests 1 and 2', () => {
    const of = (seed: string) => {
      const bytes = parseHex(seed) ?? new Uint8Array()
      return bytesToHex(publicKeyOf({ algorithm: 'ed25519', bytes }).bytes)
    }
    expect(of('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
    expect(of('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb')).toBe(
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    )
  })

  test('RFC 6979, appendix A.2.5: public key of P-256', () => {
    const hex = 'C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721'
    const key = { algorithm: 'p256' as const, bytes: parseHex(hex) ?? new Uint8Array() }
    expect(bytesToHex(publicKeyOf(key).bytes)).toBe(
      '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6' +
        '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    )
  })

  test('a private key is taken only when it is in range', () => {
    for (const one of ['p256', 'secp256k1'] as const) {
      const n = orders[one]
      expect(privateKeyFrom(one, new Uint8Array(32))).toBeUndefined()
      expect(privateKeyFrom(one, bigEndian(n, 32))).toBeUndefined()
      expect(privateKeyFrom(one, new Uint8Array(32).fill(255))).toBeUndefined()
      expect(privateKeyFrom(one, bigEndian(n - 1n, 32))).toBeDefined()
    }
    expect(privateKeyFrom('ed25519', new Uint8Array(32))).toBeDefined()
    expect(() => privateKeyFrom('p256', new Uint8Array(31))).toThrow(RangeError)
  })

  test('nothing of a buffer that is reused is kept', () => {
    const encoded = Buffer.from(encodePublicKey(publicKeyOf(keyNamed('p256', 1))))
    const parsed = parsePublicKey(encoded)
    const seed = Buffer.from(counting(1))
    const made = privateKeyFrom('p256', seed)
    encoded.fill(0)
    seed.fill(0)
    expect(parsed).toEqual(publicKeyOf(keyNamed('p256', 1)))
    expect(made).toEqual(keyNamed('p256', 1))
  })

  test('arbitrary keys and signatures are answered, never thrown at', () => {
    const junk = fc.uint8Array({ maxLength: 70 })
    fc.assert(
      fc.property(algorithm, junk, junk, junk, (one, keyBytes, digest, signature) => {
        const key = { algorithm: one, bytes: keyBytes }
        expect(verifyDigest(key, digest, signature)).toBe(false)
        expect(typeof isSoundPublicKey(key)).toBe('boolean')
        parsePublicKey(keyBytes)
      }),
      { numRuns: 300 },
    )
  })
})
