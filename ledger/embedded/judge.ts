/**
 * One submission: every claim is judged against the books as the claims before it left them, and
 * all that follows is one change.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { bytesToHex, concatBytes, equalBytes } from '../../protocol/bytes.ts'
import type { Claim, ClaimResult } from '../ledger.ts'
import {
  CLAIM_COST_HASHES,
  PROVED_CLAIM_COST_HASHES,
  PROVEN_CHANNELS_MAX,
  READS_PER_SLICE,
  SLICE_COST_HASHES,
} from '../limits.ts'
import type { AllocationBook } from '../rules/allocationRules.ts'
import { payDifference, statementInForce, takeFee } from '../rules/allocationRules.ts'
import type { ReadClaim } from '../rules/claimBytes.ts'
import { fingerprintOf, readClaim } from '../rules/claimBytes.ts'
import type {
  ClaimContext,
  ClaimReason,
  ClaimTools,
  Evidence,
  Proven,
} from '../rules/claimRules.ts'
import { checkClaim } from '../rules/claimRules.ts'
import { digesterOfOne } from '../rules/digests.ts'
import { type Prover, withProvedWords } from '../rules/proofTasks.ts'
import { settledUpTo } from '../rules/statementRules.ts'
import { type Books, placeOf } from './books.ts'
import { type Ahead, proveAhead } from './proveAhead.ts'
import type { ChannelBook } from './records.ts'

/** A claim with tools that remember its digests; without `read` it is malformed. */
export type Reading = { readonly read: ReadClaim | undefined; readonly tools: ClaimTools }

/** Reads every claim, letting others run in between; `fingerprint` covers all that they say. */
export async function readClaims(
  claims: readonly Claim[],
  tools: ClaimTools,
  breathe: () => Promise<void>,
): Promise<{ readonly readings: readonly Reading[]; readonly fingerprint: Uint8Array }> {
  const readings: Reading[] = []
  const fingerprints: Uint8Array[] = []
  for (const claim of claims) {
    if (readings.length > 0 && readings.length % READS_PER_SLICE === 0) await breathe()
    const read = readClaim(claim)
    const own = { ...tools, digester: digesterOfOne(tools.digester) }
    readings.push({ read, tools: own })
    fingerprints.push(fingerprintOf(read, own.digester, tools.hash))
  }
  return { readings, fingerprint: tools.hash(concatBytes(...fingerprints)) }
}

/** What is needed to judge claims beside the books. */
export type Judge = {
  /** Works ahead, where there is one. */
  readonly prover: Prover | undefined
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
  readings: readonly Reading[],
  key: string,
  books: Books,
  judge: Judge,
): Promise<readonly ClaimResult[]> {
  const { prover, breathe, maxTail } = judge
  const contextOf = (read: ReadClaim | undefined) => facts(read, books, judge).context
  const aheadOf = prover && (await proveAhead(readings, contextOf, prover, breathe))
  const results: ClaimResult[] = []
  let cost = 0
  for (const [place, reading] of readings.entries()) {
    const ahead = await aheadOf?.(place)
    cost += ahead?.isProved
      ? PROVED_CLAIM_COST_HASHES
      : CLAIM_COST_HASHES + Math.min(reading.read?.index ?? 0, maxTail)
    if (cost > SLICE_COST_HASHES) {
      cost = 0
      await breathe()
    }
    results.push(judgeClaim(reading, ahead, key, books, judge))
  }
  takeFees(key, books)
  return results
}

/** What the books and the proofs say about the place that a claim names. */
function facts(read: ReadClaim | undefined, books: Books, { proofs, maxTail, nowSeconds }: Judge) {
  const allocation = read && books.allocation(read.channel.allocation)
  const place = read && placeOf(read.channel.allocation, read.channel.position)
  const held = place !== undefined && allocation ? books.channel(place) : undefined
  const context: ClaimContext = {
    maxTail,
    nowSeconds,
    allocation,
    holder: held?.channelId,
    statement: allocation && statementInForce(allocation),
    proven: place === undefined ? undefined : proofs.get(place),
  }
  return { allocation, place, held, context }
}

function judgeClaim(
  { read, tools }: Reading,
  ahead: Ahead | undefined,
  key: string,
  books: Books,
  judge: Judge,
): ClaimResult {
  const { proofs, nowSeconds } = judge
  const { allocation, place, held, context } = facts(read, books, judge)
  const words = ahead?.words ?? []
  const judged = checkClaim(context, read, words.length > 0 ? withProvedWords(tools, words) : tools)
  if (judged.verdict !== 'proved') {
    const isHolder = held && equalBytes(held.channelId, judged.channelId)
    const cumulative = isHolder ? held.paid : 0n
    return refused(judged.channelId, judged.verdict, cumulative)
  }
  assert(read !== undefined, 'what is proved was read')
  assert(allocation !== undefined && place !== undefined, 'and is of an allocation here')
  proofs.put(place, judged.proven)
  const { index, word, commitment } = read
  const proof = { epoch: commitment.epoch, index, word, paidAtSeconds: nowSeconds }
  return payClaim(judged, allocation, { place, held, proof }, key, books)
}

function refused(channelId: Uint8Array, reason: ClaimReason, cumulative: bigint): ClaimResult {
  return { channelId, status: 'refused', reason, paid: 0n, cumulative }
}

type Payable = {
  readonly place: string
  /** What evidence was paid for before. */
  readonly held: ChannelBook | undefined
  readonly proof: Pick<ChannelBook, 'epoch' | 'index' | 'word' | 'paidAtSeconds'>
}

function payClaim(
  { amount, channelId, leaf }: Evidence,
  allocation: AllocationBook,
  { place, held, proof }: Payable,
  key: string,
  books: Books,
): ClaimResult {
  const settled = settledUpTo(held?.paid ?? 0n, leaf)
  if (amount <= settled) return { channelId, status: 'repeated', paid: 0n, cumulative: settled }
  const difference = amount - settled
  const change = payDifference(allocation, difference, key, bytesToHex(channelId))
  if (change === 'no_funds') return refused(channelId, 'no_funds', settled)
  assert(books.change(change) === undefined, 'an allocation pays from what its account holds')
  const evidencePaid = (held?.evidencePaid ?? 0n) + difference
  books.putChannel(place, { ...proof, channelId, paid: amount, evidencePaid })
  return { channelId, status: 'paid', paid: difference, cumulative: amount }
}

/** Once a submission and allocation, for the fee is a share of the cumulative total anyway. */
export function takeFees(key: string, books: Books): void {
  for (const allocation of books.allocationsChanged()) {
    const change = takeFee(allocation, key)
    if (change.transfers.length === 0) continue
    assert(books.change(change) === undefined, 'a fee is part of what the payee was paid')
  }
}
