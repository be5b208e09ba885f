/**
 * Edge cases of the three curves, several hundred of each. The reference, the fast verifier and a
 * verifier written from the textbook have to give the verdict that each case states.
 */
import { describe, expect, test } from 'vitest'
import { createFastVerify } from '../../../ledger/io/fastVerify.ts'
import { concatBytes } from '../../../protocol/bytes.ts'
import type { Verify } from '../../../protocol/keys.ts'
import {
  algorithms,
  encodePublicKey,
  isSoundPublicKey,
  parsePublicKey,
  publicKeyOf,
  signDigest,
  verifyDigest,
} from '../../../protocol/keys.ts'
import type { EdgeCase } from '../../support/curves/ecdsaEdges.ts'
import { ecdsaEdges } from '../../support/curves/ecdsaEdges.ts'
import { edwardsEdges } from '../../support/curves/edwardsEdges.ts'
import { textbookVerify } from '../../support/curves/textbook.ts'
import { counting, keyNamed } from '../../support/fixtures.ts'

const edges = {
  p256: ecdsaEdges('p256'),
  ed25519: edwardsEdges(),
  secp256k1: ecdsaEdges('secp256k1'),
} as const

const fastVerify = createFastVerify(16)

/** Cases that a verifier answers wrongly. */
function wrong(cases: readonly EdgeCase[], verify: Verify): readonly string[] {
  return cases
    .filter(({ key, digest, signature, valid }) => verify(key, digest, signature) !== valid)
    .map(({ why, valid }) => `${why}: ${valid ? 'refused' : 'accepted'}`)
}

describe.each(algorithms)('%s at its edges', (algorithm) => {
  const cases = edges[algorithm]

  test('there are hundreds of cases, some of them valid, each with a name of its own', () => {
    expect(cases.length).toBeGreaterThan(300)
    expect(cases.filter(({ valid }) => valid).length).toBeGreaterThan(3)
    expect(new Set(cases.map(({ why }) => why)).size).toBe(cases.length)
  })

  test('T13: the reference gives the verdict of every case', () => {
    expect(wrong(cases, verifyDigest)).toEqual([])
  })

  test('T13: the fast verifier gives the verdict of every case', () => {
    expect(wrong(cases, fastVerify)).toEqual([])
  })

  test('a verifier from the textbook gives the verdict of every case', () => {
    expect(wrong(cases, textbookVerify)).toEqual([])
  })

  test('a key that is not sound is not parsed either, and its verdict is always no', () => {
    for (const { why, key, digest, signature } of cases) {
      const parsed = parsePublicKey(encodePublicKey(key))
      expect(parsed !== undefined, why).toBe(isSoundPublicKey(key))
      if (parsed === undefined) expect(verifyDigest(key, digest, signature), why).toBe(false)
    }
  })

  test('buffers of node answer as plain bytes do, and nothing is written to them', () => {
    for (const { why, key, digest, signature, valid } of cases.filter((one) => one.valid)) {
      const parts = [Buffer.from(key.bytes), Buffer.from(digest), Buffer.from(signature)] as const
      const copies = parts.map((part) => part.toString('hex'))
      for (const verify of [verifyDigest, fastVerify]) {
        const asBuffers = { algorithm: key.algorithm, bytes: parts[0] }
        expect(verify(asBuffers, parts[1], parts[2]), why).toBe(valid)
      }
      expect(parts.map((part) => part.toString('hex'))).toEqual(copies)
    }
  })
})

describe('T14: keys and signatures of another algorithm', () => {
  const digest = counting(3)
  const made = algorithms.map((algorithm) => {
    const secret = keyNamed(algorithm, 1)
    return { algorithm, key: publicKeyOf(secret), signature: signDigest(secret, digest) }
  })

  test('no key with the name of another algorithm verifies anything', () => {
    for (const { algorithm: name } of made) {
      for (const { algorithm, key } of made) {
        for (const { algorithm: signer, signature } of made) {
          const confused = { algorithm: name, bytes: key.bytes }
          const own = name === algorithm && algorithm === signer
          expect(verifyDigest(confused, digest, signature), `${name} ${algorithm}`).toBe(own)
          expect(fastVerify(confused, digest, signature), `${name} ${algorithm}`).toBe(own)
        }
      }
    }
  })

  test('only its own algorithm byte reads a key', () => {
    for (const { algorithm, key } of made) {
      const read = Array.from({ length: 256 }, (_, byte) =>
        parsePublicKey(concatBytes(Uint8Array.of(byte), key.bytes)),
      ).filter((one) => one !== undefined)
      expect(read.map((one) => one.algorithm)).toEqual([algorithm])
    }
  })

  test('a name that is no algorithm verifies nothing', () => {
    for (const { key, signature } of made) {
      for (const name of ['', 'none', 'rsa', 'P256', 'ecdsa', '__proto__', 'constructor']) {
        const unknown = { algorithm: name as 'p256', bytes: key.bytes }
        expect(verifyDigest(unknown, digest, signature)).toBe(false)
        expect(fastVerify(unknown, digest, signature)).toBe(false)
      }
    }
  })
})
