/**
 * Claims on their way to the contract: judged here first by the rules of every ledger, tried at the
 * node without a transaction, and only what will be paid is sent. One that poisons its batch is
 * found by halving and put aside; the rest settles.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { channelStructure, digestOf } from '../../protocol/structures.ts'
import type { AllocationState, Claim, ClaimResult } from '../ledger.ts'
import { readClaim } from '../rules/claimBytes.ts'
import { type ClaimTools, checkClaim } from '../rules/claimRules.ts'
import { batchesOf, gasOf, halvesOf } from './batchRules.ts'
import { type ClaimContext, claimChannelsCall } from './callData.ts'
import type { ContractCodec } from './chain.ts'
import { claimReasonOf } from './reasons.ts'
import { hexOf } from './states.ts'

/** Hash steps in one claim: 4,096 cost a million gas. */
export const TAIL_TICKS_MAX = 4_096
/** Each step costs 230 gas, and a later claim shall stay below 25,000. */
export const CHEAP_TAIL_TICKS = 2

/** A claim and where its result belongs. */
export type Placed = { readonly claim: Claim; readonly place: number }

const noChannel = new Uint8Array()

const refused = (channelId: Uint8Array, reason: ClaimResult['reason']): ClaimResult => ({
  ...{ channelId, status: 'refused', paid: 0n, cumulative: 0n },
  ...(reason ? { reason } : {}),
})

/** Why a claim is not worth a call; undefined where it is. */
export function judgeHere(
  claim: Claim,
  context: ClaimContext,
  state: AllocationState | undefined,
  nowSeconds: number,
  tools: ClaimTools,
): ClaimResult | undefined {
  const read = readClaim(claim)
  const terms = state && { ...context.allocation, ...pick(state) }
  const verdict = checkClaim(
    {
      maxTail: TAIL_TICKS_MAX,
      nowSeconds,
      allocation: terms,
      holder: undefined,
      statement: state && state.statementSequence > 0 ? state : undefined,
      proven: undefined,
    },
    read,
    tools,
  )
  if (verdict.verdict !== 'proved') return refused(verdict.channelId, verdict.verdict)
  // Ed25519 is good evidence, and the contract cannot check it.
  return claim.channel.payerAlgorithm === ED25519
    ? refused(verdict.channelId, 'wrong_terms')
    : undefined
}

const ED25519 = 2

const pick = ({ feeBasisPoints, signerKey }: AllocationState) => ({ feeBasisPoints, signerKey })

const UINT64 = (1n << 64n) - 1n

/** What the contract says of each claim of a call, in their order. */
export function outcomesOf(
  { domain }: Pick<ClaimContext, 'domain'>,
  outcomes: unknown,
  batch: readonly Placed[],
): readonly ClaimResult[] {
  assert(Array.isArray(outcomes) && outcomes.length === batch.length, 'one outcome for each claim')
  return batch.map(({ claim }, index) => {
    const outcome = BigInt(outcomes[index])
    const channelId = digestOf(domain, channelStructure, claim.channel)
    const reason = claimReasonOf(Number(outcome & 0xffn))
    if (reason) return refused(channelId, reason)
    const paid = (outcome >> 8n) & UINT64
    const evidence = (outcome >> 72n) & UINT64
    const leaf = leafAmount(claim, channelId)
    const cumulative = evidence > leaf ? evidence : leaf
    return { channelId, status: paid > 0n ? 'paid' : 'repeated', paid, cumulative }
  })
}

const leafAmount = ({ leaf }: Claim, channelId: Uint8Array): bigint => {
  if (!leaf || leaf.channelId === 'empty') return 0n
  return equalBytes(leaf.channelId, channelId) ? leaf.amount : 0n
}

/** Asks the node what a call would do; rejects where the whole call fails. */
export type Try = (data: string, gas: bigint) => Promise<string>

/** A call with claims that will be paid, as far as the node knows now. */
export type Payable = {
  readonly batch: readonly Placed[]
  readonly data: string
  readonly gas: bigint
}

export type Sorted = {
  readonly payable: readonly Payable[]
  /** By place: results that need no transaction. */
  readonly settled: ReadonlyMap<number, ClaimResult>
}

const FIXED_GAS = 200_000

function callOf(context: ClaimContext, batch: readonly Placed[]): Payable {
  const gas = batch.reduce((sum, { claim }) => sum + gasOf(claim), FIXED_GAS)
  const data = hexOf(
    claimChannelsCall(
      context,
      batch.map(({ claim }) => claim),
    ),
  )
  return { batch, data, gas: BigInt(gas) }
}

/** Tries all claims and tells those that pay from those that do not. */
export async function sortClaims(
  context: ClaimContext,
  codec: ContractCodec,
  claims: readonly Placed[],
  attempt: Try,
  onPoison: (place: number, error: unknown) => void,
): Promise<Sorted> {
  const settled = new Map<number, ClaimResult>()
  const payable: Payable[] = []
  const queue: (readonly Placed[])[] = batchesOf(claims.map(({ claim }) => claim)).map((indexes) =>
    indexes.flatMap((index) => claims[index] ?? []),
  )
  for (let batch = queue.shift(); batch; batch = queue.shift()) {
    const call = callOf(context, batch)
    const answer = await attempt(call.data, call.gas).catch((error: unknown) => ({ error }))
    if (typeof answer !== 'string') {
      const [only] = batch
      if (batch.length > 1) queue.unshift(...halvesOf(batch))
      else if (only) {
        onPoison(only.place, answer.error)
        settled.set(only.place, refused(noChannel, 'malformed'))
      }
      continue
    }
    const results = outcomesOf(context, codec.decode('claimChannels', answer), batch)
    const paying = batch.filter(({ place }, index) => {
      const result = results[index]
      if (result && result.status !== 'paid') settled.set(place, result)
      return result?.status === 'paid'
    })
    if (paying.length > 0) payable.push(callOf(context, paying))
  }
  return { payable, settled }
}
