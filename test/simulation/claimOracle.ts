/**
 * What a claim has to prove before a ledger may pay for it, written a second time: every signature
 * and every step of the chain, each time anew.
 * @module
 */
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Claim, ClaimResult } from '../../ledger/ledger.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { bindOf, stepBack, stepBlock } from '../../protocol/chain.ts'
import { amountAt } from '../../protocol/channel.ts'
import { algorithms, publicKeyOf } from '../../protocol/keys.ts'
import {
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
  RENEWAL,
} from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { verifyDigest } from './fastKeys.ts'
import { signerKey } from './fleet.ts'

/** Why `result` should not have been paid for `claim`; undefined when all is proved. */
export function unproven(
  domain: Domain,
  claim: Claim,
  result: ClaimResult,
  nowSeconds: number,
): string | undefined {
  if (result.paid === 0n) return undefined
  const { channel, commitment, index, mandate, word } = claim
  const id = digestOf(domain, channelStructure, channel)
  const { value } = commitment
  if (!equalBytes(id, mandate.value.channelId)) return 'the mandate is of another channel'
  if (!equalBytes(id, value.channelId)) return 'the commitment is of another channel'
  if (nowSeconds < mandate.value.notBefore) return 'the mandate is early'
  if (nowSeconds > mandate.value.claimUntil) return 'the mandate has expired'
  if (index > value.length) return 'the index is beyond the epoch'
  if (value.kind === RENEWAL && index === 0) return 'a renewal alone is no evidence'
  if (amountAt(value, index) > mandate.value.limit) return 'it is more than the mandate allows'
  if (result.cumulative > amountAt(value, index)) return 'it is more than the word says'
  const signed = digestOf(domain, mandateStructure, mandate.value)
  if (!verifyDigest(publicKeyOf(signerKey), signed, mandate.signature)) return 'no fleet signed it'
  const digest = digestOf(domain, commitmentStructure, value)
  const algorithm = algorithms[channel.payerAlgorithm - 1] ?? 'p256'
  const key = { algorithm, bytes: channel.payerKey }
  if (!verifyDigest(key, digest, commitment.signature)) return 'no device signed it'
  const root = stepBack(stepBlock(bindOf(value)), word, index, index, fastSha256)
  return equalBytes(root, value.root) ? undefined : 'the word is not of this chain'
}
