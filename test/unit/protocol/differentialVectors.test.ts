/**
 * node:crypto and the reference give the same verdict, on valid, malleable and malformed input:
 * thousands of random cases, the same in every run.
 */

import type { KeyObject } from 'node:crypto'
import { verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createFastVerify } from '../../../ledger/io/fastVerify.ts'
import type { Algorithm } from '../../../protocol/keys.ts'
import { algorithms, publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { alteredSignature, seededDice } from '../../fuzz/signatureInputs.ts'
import { bigEndianNumber, curves } from '../../support/curves/textbook.ts'
import { nodeDigest, nodePublicKey } from '../../support/nodeKeys.ts'

const counts: Readonly<Record<Algorithm, number>> = { p256: 1_000, ed25519: 1_000, secp256k1: 500 }
const fastVerify = createFastVerify(8)

/** node:crypto's verdict, with the rule on low s that it does not have. */
function byNode(
  algorithm: Algorithm,
  key: KeyObject,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 64) return false
  if (algorithm !== 'ed25519') {
    const s = bigEndianNumber(signature.subarray(32))
    if (2n * s >= curves[algorithm].n) return false
  }
  const options = { key, dsaEncoding: 'ieee-p1363' as const }
  return verify(algorithm === 'ed25519' ? null : 'sha256', message, options, signature)
}

describe.each(algorithms)('T13: %s', (algorithm) => {
  test('node:crypto, the fast verifier and the reference agree on thousands of cases', () => {
    const dice = seededDice(2_718)
    const keys = [1, 2, 3].map((seed) => {
      const secret = { algorithm, bytes: new Uint8Array(32).fill(seed) }
      const key = publicKeyOf(secret)
      return { secret, key, object: nodePublicKey(key) }
    })
    const seen = { yes: 0, no: 0 }
    for (let round = 0; round < counts[algorithm]; round++) {
      const { secret, key, object } = dice.pick(keys)
      const message = dice.bytes(32)
      const digest = nodeDigest(algorithm, message)
      const signature = alteredSignature(dice, algorithm, signDigest(secret, digest))
      const verdict = verifyDigest(key, digest, signature)
      const name = `${round}: ${Buffer.from(signature).toString('hex')}`
      expect(fastVerify(key, digest, signature), name).toBe(verdict)
      expect(byNode(algorithm, object, message, signature), name).toBe(verdict)
      seen[verdict ? 'yes' : 'no']++
    }
    expect(seen.yes).toBeGreaterThan(counts[algorithm] / 10)
    expect(seen.no).toBeGreaterThan(counts[algorithm] / 2)
  })
})
