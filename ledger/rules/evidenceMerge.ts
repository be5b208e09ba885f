/**
 * Several bundles about one channel as one: each side brings what it has.
 * @module
 */
import { equalBytes } from '../../protocol/bytes.ts'
import { encodePublicKey, type PublicKey } from '../../protocol/keys.ts'
import { type Channel, channelStructure, digestOf } from '../../protocol/structures.ts'
import type { EvidenceBundle } from './evidenceBundle.ts'

/** All parts together; undefined when the bundles do not belong together. */
export function mergeBundles(bundles: readonly EvidenceBundle[]): EvidenceBundle | undefined {
  const [first, ...rest] = bundles
  if (!first) return undefined
  if (!rest.every((other) => isAboutSame(first, other))) return undefined
  const all = <T>(take: (bundle: EvidenceBundle) => readonly T[]) => bundles.flatMap(take)
  return {
    domain: first.domain,
    gatewayKey: first.gatewayKey,
    signerKey: bundles.find(({ signerKey }) => signerKey)?.signerKey,
    channel: bundles.find(({ channel }) => channel)?.channel,
    tariffs: all(({ tariffs }) => tariffs),
    mandates: all(({ mandates }) => mandates),
    commitments: all(({ commitments }) => commitments),
    words: all(({ words }) => words),
    receipts: all(({ receipts }) => receipts),
    statements: all(({ statements }) => statements),
  }
}

function isAboutSame(a: EvidenceBundle, b: EvidenceBundle): boolean {
  const isLedger =
    a.domain.chainId === b.domain.chainId &&
    equalBytes(a.domain.verifyingContract, b.domain.verifyingContract)
  if (!isLedger || !isSameKey(a.gatewayKey, b.gatewayKey)) return false
  if (a.signerKey && b.signerKey && !isSameKey(a.signerKey, b.signerKey)) return false
  if (!a.channel || !b.channel) return true
  const id = (channel: Channel) => digestOf(a.domain, channelStructure, channel)
  return equalBytes(id(a.channel), id(b.channel))
}

/** True for one and the same key of one algorithm. */
export const isSameKey = (a: PublicKey, b: PublicKey) =>
  equalBytes(encodePublicKey(a), encodePublicKey(b))
