/**
 * Who has signed which statement about a channel, by its digest, leaf and path.
 * @module
 */
import { bytesToHex, equalBytes } from '../../protocol/bytes.ts'
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import { rootFromPath, statementLeaf } from '../../protocol/merkle.ts'
import { channelStructure, digestOf, statementStructure } from '../../protocol/structures.ts'
import type { EvidenceBundle, StatedLeaf } from './evidenceBundle.ts'

/** What one signature proves: `bad` is there and fits neither statement nor key. */
export type SignatureState = 'good' | 'missing' | 'bad'

/** A statement whose leaf and path say this amount of the channel. */
export type SignedStatement = {
  readonly sequence: number
  /** What both sides sign. */
  readonly digest: Uint8Array
  readonly amount: bigint
  readonly gateway: SignatureState
  readonly fleet: SignatureState
}

/**
 * Who has signed the statement; undefined where leaf and path do not say this amount of the channel
 * that the bundle is about.
 */
export function signedStatement(
  bundle: EvidenceBundle,
  each: StatedLeaf,
  verify: Verify,
): SignedStatement | undefined {
  if (!isLeafOf(bundle, each)) return undefined
  const { value, signature } = each.statement
  const digest = digestOf(bundle.domain, statementStructure, value)
  const state = (key: PublicKey | undefined, shown: Uint8Array | undefined): SignatureState => {
    if (!key || !shown) return 'missing'
    return verify(key, digest, shown) ? 'good' : 'bad'
  }
  return {
    sequence: value.sequence,
    digest,
    amount: each.amount,
    gateway: state(bundle.gatewayKey, signature),
    fleet: state(bundle.signerKey, each.fleetSignature),
  }
}

/** Every statement once, in the order of sequence and digest, whoever brought which signature. */
export function mergeSigned(shown: readonly SignedStatement[]): readonly SignedStatement[] {
  const all = new Map<string, SignedStatement>()
  for (const one of shown) {
    const name = bytesToHex(one.digest)
    const other = all.get(name) ?? one
    const gateway = better(one.gateway, other.gateway)
    all.set(name, { ...one, gateway, fleet: better(one.fleet, other.fleet) })
  }
  const sorted = [...all].sort(([a, one], [b, other]) =>
    one.sequence === other.sequence ? Number(a > b) - Number(a < b) : one.sequence - other.sequence,
  )
  return sorted.map(([, one]) => one)
}

const ranks: readonly SignatureState[] = ['missing', 'bad', 'good']
const better = (a: SignatureState, b: SignatureState) =>
  ranks.indexOf(a) > ranks.indexOf(b) ? a : b

function isLeafOf({ channel, domain }: EvidenceBundle, each: StatedLeaf): boolean {
  if (!channel) return false
  const { allocation, position } = channel
  const { amount, path, statement } = each
  const channelId = digestOf(domain, channelStructure, channel)
  const root = rootFromPath(statementLeaf({ position, channelId, amount }), position, path)
  const { value } = statement
  return equalBytes(value.allocation, allocation) && equalBytes(root, value.root)
}
