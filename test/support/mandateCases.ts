/**
 * Mandates with the verdict each must get.
 * @module
 */
import { publicKeyOf } from '../../protocol/keys.ts'
import type { MandateContext } from '../../protocol/mandateRules.ts'
import type { Mandate, Signed } from '../../protocol/structures.ts'
import { digestOf, mandateStructure } from '../../protocol/structures.ts'
import {
  channelId,
  counting,
  deviceKey,
  domain,
  mandate,
  nowSeconds,
  otherDomain,
  signed,
  signerKey,
} from './fixtures.ts'

export type MandateCase = {
  readonly why: string
  readonly context: MandateContext
  readonly signed: Signed<Mandate>
  readonly verdict: string
}

export function mandateContext(changes: Partial<MandateContext> = {}): MandateContext {
  return {
    domain,
    channelId,
    signerKey: publicKeyOf(signerKey),
    inForce: undefined,
    nowSeconds,
    ...changes,
  }
}

export function signMandate(value: Mandate, key = signerKey, within = domain): Signed<Mandate> {
  return signed(key, value, digestOf(within, mandateStructure, value))
}

function one(
  verdict: string,
  why: string,
  changes: Partial<Mandate> = {},
  context: Partial<MandateContext> = {},
): MandateCase {
  return {
    why,
    verdict,
    context: mandateContext(context),
    signed: signMandate({ ...mandate, ...changes }),
  }
}

const inForce = { inForce: mandate }
const { expiry, claimUntil } = mandate

export const mandateCases: readonly MandateCase[] = [
  one('accepted', 'the first'),
  one('accepted', 'a higher sequence', { sequence: 5 }, inForce),
  one('accepted', 'a higher sequence that allows less', { sequence: 9, limit: 0n }, inForce),
  one('accepted', 'valid later', { notBefore: nowSeconds + 60 }),
  one('accepted', 'no claim window', { claimUntil: expiry }),
  one('repeated', 'the same again', {}, inForce),
  one('repeated', 'the same again after its expiry', {}, { ...inForce, nowSeconds: expiry }),
  one('unknown_channel', 'another channel', { channelId: counting(7) }),
  one('old_sequence', 'a lower sequence', { sequence: 3 }, inForce),
  one('old_sequence', 'the same sequence with other terms', { limit: 1n }, inForce),
  { ...one('bad_signature', 'the device itself'), signed: signMandate(mandate, deviceKey) },
  {
    ...one('bad_signature', 'for another ledger'),
    signed: signMandate(mandate, signerKey, otherDomain),
  },
  one('bad_window', 'begins when it ends', { notBefore: expiry }),
  one('bad_window', 'claims end before it does', { claimUntil: expiry - 1 }),
  one('expired', 'over since now', {}, { nowSeconds: expiry }),
  one('expired', 'claims are still open', {}, { nowSeconds: claimUntil - 1 }),
]
