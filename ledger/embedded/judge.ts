/**
 * One submission: every claim is judged against the books as the claims before it left them, and
 * all that follows is one change.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Claim, ClaimResult } from '../ledger.ts'
import { CLAIM_COST_HASHES, PROVEN_CHANNELS_MAX, SLICE_COST_HASHES } from '../limits.ts'
import type { AllocationBook } from '../rules/allocationRules.ts'
import { payDifference, takeFee } from '../rules/allocationRules.ts'
import type { ReadClaim } from '../rules/claimBytes.ts'
import { readClaim } from '../rules/claimBytes.ts'
import type { ClaimReason, ClaimTools, Evidence, Proven } from '../rules/claimRules.ts'
import { checkClaim } from '../rules/claimRules.ts'
import type { Books } from './books.ts'

/** Reads every claim, letting others run in between. */
export async function readClaims(
  claims: readonly Claim[],
  { hash }: ClaimTools,
  breathe: () => Promise<void>,
): Promise<readonly (ReadClaim | undefined)[]> {
  const reads: (ReadClaim | undefined)[] = []
  const readsPerSlice = (SLICE_COST_HASHES / CLAIM_COST_HASHES) * 4
  for (const claim of claims) {
    if (reads.length > 0 && reads.length % readsPerSlice === 0) await breathe()
    reads.push(readClaim(claim, hash))
  }
  return reads
}

/** What is needed to judge claims beside the books. */
export type Judge = {
  readonly tools: ClaimTools
  readonly proofs: Proofs
  readonly maxTail: number
  readonly nowSeconds: number
  /** Lets the rest of the process run. */
  readonly breathe: () => Promise<void>
}

/** The newest proof of each position, the least recently used forgotten first. */
export type Proofs = {
  readonly get: (position: string) => Proven | undefined
  readonly put: (position: string, proven: Proven) => void
}

export function createProofs(): Proofs {
  const proofs = new Map<string, Proven>()
  return {
    get: (position) => proofs.get(position),
    put: (position, proven) => {
      proofs.delete(position)
      proofs.set(position, proven)
      if (proofs.size <= PROVEN_CHANNELS_MAX) return
      for (const oldest of proofs.keys()) {
        proofs.delete(oldest)
        break
      }
    },
  }
}

/** Judges the claims in order and stages what is to be paid under `key`. */
export async function judgeClaims(
  reads: readonly (ReadClaim | undefined)[],
  key: string,
  books: Books,
  judge: Judge,
): Promise<readonly ClaimResult[]> {
  const results: ClaimResult[] = []
  let cost = 0
  for (const read of reads) {
    cost += CLAIM_COST_HASHES + Math.min(read?.index ?? 0, judge.maxTail)
    if (cost > SLICE_COST_HASHES) {
      cost = 0
      await judge.breathe()
    }
    results.push(judgeClaim(read, key, books, judge))
  }
  takeFees(reads, key, books)
  return results
}

function judgeClaim(
  read: ReadClaim | undefined,
  key: string,
  books: Books,
  { tools, proofs, maxTail, nowSeconds }: Judge,
): ClaimResult {
  const allocation = read && books.allocation(read.channel.allocation)
  const place = read && positionOf(read)
  const held = read && allocation && books.channel(allocation.id, read.channel.position)
  const context = {
    maxTail,
    nowSeconds,
    allocation,
    holder: held?.channelId,
    proven: place === undefined ? undefined : proofs.get(place),
  }
  const judged = checkClaim(context, read, tools)
  if (judged.verdict !== 'proved') {
    const cumulative = judged.verdict === 'position_taken' ? 0n : (held?.paid ?? 0n)
    return refused(judged.channelId, judged.verdict, cumulative)
  }
  assert(read !== undefined && allocation !== undefined, 'what is proved was read')
  if (place !== undefined) proofs.put(place, judged.proven)
  return payClaim(read, judged, allocation, held?.paid ?? 0n, key, books, nowSeconds)
}

const positionOf = ({ channel }: ReadClaim) =>
  `${bytesToHex(channel.allocation)} ${channel.position}`

function refused(channelId: Uint8Array, reason: ClaimReason, cumulative: bigint): ClaimResult {
  return { channelId, status: 'refused', reason, paid: 0n, cumulative }
}

function payClaim(
  read: ReadClaim,
  { amount, channelId }: Evidence,
  allocation: AllocationBook,
  paidBefore: bigint,
  key: string,
  books: Books,
  nowSeconds: number,
): ClaimResult {
  if (amount <= paidBefore) {
    return { channelId, status: 'repeated', paid: 0n, cumulative: paidBefore }
  }
  const difference = amount - paidBefore
  const change = payDifference(allocation, difference, key, bytesToHex(channelId))
  if (change === 'no_funds') return refused(channelId, 'no_funds', paidBefore)
  assert(books.change(change) === undefined, 'an allocation pays from what its account holds')
  books.putChannel(allocation.id, read.channel.position, {
    channelId,
    paid: amount,
    epoch: read.commitment.epoch,
    index: read.index,
    word: read.word,
    paidAtSeconds: nowSeconds,
  })
  return { channelId, status: 'paid', paid: difference, cumulative: amount }
}

/** Once a submission and allocation, for the fee is a share of the cumulative total anyway. */
function takeFees(reads: readonly (ReadClaim | undefined)[], key: string, books: Books): void {
  const ids = new Map(
    reads.flatMap((read) =>
      read ? [[bytesToHex(read.channel.allocation), read.channel.allocation] as const] : [],
    ),
  )
  for (const id of ids.values()) {
    const allocation = books.allocation(id)
    if (!allocation) continue
    const change = takeFee(allocation, key)
    if (change.transfers.length === 0) continue
    assert(books.change(change) === undefined, 'a fee is part of what the payee was paid')
  }
}
