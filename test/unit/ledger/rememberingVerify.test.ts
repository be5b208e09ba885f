import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fastVerify } from '../../../ledger/io/fastVerify.ts'
import { createRememberingVerify } from '../../../ledger/io/rememberingVerify.ts'
import { concatBytes } from '../../../protocol/bytes.ts'
import type { Algorithm, PublicKey, Verify } from '../../../protocol/keys.ts'
import { algorithms, publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { mandateStructure } from '../../../protocol/structures.ts'
import { typedDigest } from '../../../protocol/typedData.ts'
import { keyOf, seedOf } from './world.ts'

type Input = Parameters<Verify>

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

function sound(algorithm: Algorithm, number: number, digest: Uint8Array): Input {
  const key = keyOf(number, algorithm)
  return [publicKeyOf(key), digest, signDigest(key, digest)]
}

/** The other s of a P-256 signature: the curve's equation holds, the rule does not. */
function withHighS([key, digest, signature]: Input): Input {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
  const high = Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex')
  return [key, digest, concatBytes(signature.subarray(0, 32), high)]
}

function flipped(bytes: Uint8Array, place: number): Uint8Array {
  const copy = bytes.slice()
  copy[place % copy.length] = (copy[place % copy.length] ?? 0) ^ (1 << (place % 8))
  return copy
}

/** Counts what reaches the verifier below. */
function counted(signaturesMax?: number) {
  let verified = 0
  const below: Verify = (...input) => {
    verified += 1
    return fastVerify(...input)
  }
  const memory = createRememberingVerify(below, signaturesMax)
  return { ...memory, verified: () => verified }
}

const digest = seedOf(7)
const inputs = fc
  .record({
    algorithm: fc.constantFrom(...algorithms),
    number: fc.integer({ min: 1, max: 4 }),
    digest: fc.constantFrom(seedOf(1), seedOf(2)),
    place: fc.nat(511),
    change: fc.constantFrom(
      ...(['none', 'key', 'otherKey', 'digest', 'signature', 'highS', 'short', 'long'] as const),
    ),
  })
  .map(({ algorithm, number, digest, place, change }): Input => {
    const input = sound(algorithm, number, digest)
    const [key, , signature] = input
    const changedKey = (bytes: Uint8Array): PublicKey => ({ algorithm, bytes })
    switch (change) {
      case 'none':
        return input
      case 'key':
        return [changedKey(flipped(key.bytes, place)), digest, signature]
      case 'otherKey':
        return [publicKeyOf(keyOf(number + 10, algorithm)), digest, signature]
      case 'digest':
        return [key, flipped(digest, place), signature]
      case 'signature':
        return [key, digest, flipped(signature, place)]
      case 'highS':
        return algorithm === 'p256' ? withHighS(input) : [key, digest, new Uint8Array(64)]
      case 'short':
        return [key, digest, signature.slice(0, 63)]
      default:
        return [key, concatBytes(digest, seedOf(1)), signature]
    }
  })

describe('a verifier that remembers', () => {
  it('gives the verdict of the reference, however often and in whatever order it is asked', () => {
    const { verify, knows } = counted()
    fc.assert(
      fc.property(fc.array(inputs, { maxLength: 8 }), (asked) => {
        for (const input of [...asked, ...asked]) {
          const verdict = verifyDigest(...input)
          expect(verify(...input)).toBe(verdict)
          expect(knows(...input)).toBe(verdict)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('does so too when it has room for few, and forgets instead of mixing up', () => {
    const { verify } = counted(8)
    fc.assert(
      fc.property(fc.array(inputs, { maxLength: 8 }), (asked) => {
        for (const input of asked) expect(verify(...input)).toBe(verifyDigest(...input))
      }),
      { numRuns: 60 },
    )
  })

  it('verifies what it has found to be good once, and what is bad every time', () => {
    const { verify, verified } = counted()
    const input = sound('p256', 1, digest)
    for (let i = 0; i < 3; i++) expect(verify(...input)).toBe(true)
    expect(verified()).toBe(1)
    for (let i = 0; i < 3; i++) expect(verify(...withHighS(input))).toBe(false)
    expect(verified()).toBe(4)
  })

  it('answers for no other key, algorithm, digest or signature', () => {
    const { verify, knows } = counted()
    const [key, , signature] = sound('p256', 1, digest)
    expect(verify(key, digest, signature)).toBe(true)
    for (let place = 0; place < 64; place++) {
      expect(knows({ ...key, bytes: flipped(key.bytes, place) }, digest, signature)).toBe(false)
      expect(knows(key, flipped(digest, place), signature)).toBe(false)
      expect(knows(key, digest, flipped(signature, place))).toBe(false)
    }
    expect(knows({ ...key, algorithm: 'secp256k1' }, digest, signature)).toBe(false)
    expect(knows({ ...key, bytes: key.bytes.subarray(0, 32) }, digest, signature)).toBe(false)
  })

  it('answers for no other domain, because a domain is part of each digest', () => {
    const { verify, knows } = counted()
    const key = keyOf(1)
    const value = {
      ...{ channelId: seedOf(3), sequence: 1, limit: 5n, limitPerDay: 5n },
      ...{ notBefore: 1, expiry: 2, claimUntil: 3 },
    }
    const digestIn = (chainId: bigint, contract: number) => {
      const domain = { chainId, verifyingContract: new Uint8Array(20).fill(contract) }
      return typedDigest(domain, mandateStructure.type, value)
    }
    const signature = signDigest(key, digestIn(0n, 1))
    expect(verify(publicKeyOf(key), digestIn(0n, 1), signature)).toBe(true)
    for (const other of [digestIn(0n, 2), digestIn(1n, 1)]) {
      expect(knows(publicKeyOf(key), other, signature)).toBe(false)
      expect(verify(publicKeyOf(key), other, signature)).toBe(false)
    }
  })

  it('keeps no more than it has room for, and verifies again what made room', () => {
    const { verify, knows, verified } = counted(8)
    const all = Array.from({ length: 9 }, (_, number) => sound('p256', number + 1, digest))
    for (const input of all) expect(verify(...input)).toBe(true)
    expect(all.filter((input) => knows(...input))).toEqual(all.slice(1))
    expect(verify(...sound('p256', 1, digest))).toBe(true)
    expect(verified()).toBe(10)
  })
})
