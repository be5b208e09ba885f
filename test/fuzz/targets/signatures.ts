/**
 * The reference verifier, the fast one and a textbook on forged, malleable and damaged signatures.
 * @module
 */
import { createFastVerify } from '../../../ledger/io/fastVerify.ts'
import type { PublicKey } from '../../../protocol/keys.ts'
import { algorithms, publicKeyOf, signDigest, verifyDigest } from '../../../protocol/keys.ts'
import { textbookVerify } from '../../support/curves/textbook.ts'
import type { Dice } from '../dice.ts'
import { damaged } from '../dice.ts'
import { alteredSignature } from '../signatureInputs.ts'
import type { Target } from '../target.ts'
import { diceOf } from '../target.ts'

const fastVerify = createFastVerify(16)
const secrets = algorithms.map((algorithm) => ({ algorithm, bytes: new Uint8Array(32).fill(5) }))

function check(input: Uint8Array): string | undefined {
  const dice = diceOf(input)
  const secret = dice.pick(secrets)
  const { algorithm } = secret
  const own = publicKeyOf(secret)
  const digest = dice.bytes(32)
  const signature = alteredSignature(dice, algorithm, signDigest(secret, digest))
  const key: PublicKey = dice.oneIn(4) ? { algorithm, bytes: damaged(dice, own.bytes) } : own
  const verdicts = [verifyDigest, fastVerify, textbookVerify].map((verify) =>
    verify(key, digest, signature),
  )
  if (new Set(verdicts).size === 1) return undefined
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const parts = [key.bytes, digest, signature].map(hex).join(', ')
  return `${algorithm}: reference, fast, textbook say ${verdicts}: ${parts}`
}

const generate = (dice: Dice) => dice.bytes(60 + dice.size(60))

export const signaturesTarget: Target = { name: 'signatures', quickRuns: 30, generate, check }
