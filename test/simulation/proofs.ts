/**
 * Whether what a cheating device sends is worth anything, computed from its root and its key alone.
 * @module
 */
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { bindOf, stepBack, stepBlock } from '../../protocol/chain.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import {
  type Commitment,
  commitmentStructure,
  digestOf,
  type Signed,
} from '../../protocol/structures.ts'
import type { Tick } from '../../protocol/tick.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { testKey } from '../support/virtualGateway.ts'
import { verifyDigest } from './fastKeys.ts'

export const crookKey = testKey('ed25519', 91)

/** The commitment is signed by the cheating device, and the word, if one is given, is of it. */
export function isProven(domain: Domain, commitment: Signed<Commitment>, tick?: Tick): boolean {
  const { signature, value } = commitment
  if (!tick) {
    const digest = digestOf(domain, commitmentStructure, value)
    return verifyDigest(publicKeyOf(crookKey), digest, signature)
  }
  if (tick.index > value.length) return false
  const { index, word } = tick
  const root = stepBack(stepBlock(bindOf(value)), word, index, index, fastSha256)
  return equalBytes(root, value.root)
}
