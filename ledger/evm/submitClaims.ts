/**
 * Claims on their way to the contract, allocation by allocation, round after round until every
 * result is final.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../protocol/limits.ts'
import type { AllocationState, Claim, ClaimResult } from '../ledger.ts'
import { digesterOf } from '../rules/digests.ts'
import type { ClaimContext } from './callData.ts'
import { judgeHere, outcomesOf, type Payable, type Placed, sortClaims } from './evidence.ts'
import type { BlockTag } from './node.ts'
import { callFrom, contextOf, eventIn, finalReceipt, type Parts, untilSettled } from './parts.ts'
import type { Known } from './reader.ts'
import { hexOf } from './states.ts'

const allocationOf = ({ channel }: Claim): string => hexOf(channel.allocation)

/** Results in the order of the claims, all final. */
export async function submitClaims(
  parts: Parts,
  claims: readonly Claim[],
): Promise<readonly ClaimResult[]> {
  const results = new Map<number, ClaimResult>()
  const groups = new Map<string, Placed[]>()
  claims.forEach((claim, place) => {
    const group = groups.get(allocationOf(claim)) ?? []
    group.push({ claim, place })
    groups.set(allocationOf(claim), group)
  })
  for (const group of groups.values()) {
    for (const [place, result] of await submitGroup(parts, group)) results.set(place, result)
  }
  return claims.map((_, place) => {
    const result = results.get(place)
    if (!result) throw new OperatorError('ledger evm: a claim is without a result; try again')
    return result
  })
}

type Results = Map<number, ClaimResult>

/** Claims of one allocation, round after round until every result is final. */
async function submitGroup(parts: Parts, group: readonly Placed[]): Promise<Results> {
  const results: Results = new Map()
  const [first] = group
  const id = first ? first.claim.channel.allocation : new Uint8Array()
  let open = group
  return untilSettled(parts, id, async (known) => {
    open = await tryRound(parts, known, open, results)
    return open.length === 0 ? results : undefined
  })
}

/** Answers the claims that have to be tried again. */
async function tryRound(
  parts: Parts,
  known: Known | undefined,
  open: readonly Placed[],
  results: Results,
): Promise<readonly Placed[]> {
  const contexts = known ? contextsOf(parts, known) : [nobodys(parts)]
  const sound = new Map<ClaimContext, Placed[]>(contexts.map((context) => [context, []]))
  for (const one of open) {
    const judged = judgeUnder(parts, contexts, known?.state, one.claim)
    if ('status' in judged) results.set(one.place, judged)
    else sound.get(judged)?.push(one)
  }
  const again: Placed[] = []
  for (const [context, claims] of sound) {
    if (known && claims.length > 0) {
      again.push(...(await tryUnder(parts, context, known, claims, results)))
    }
  }
  return again
}

/** Claims whose mandates one signer has signed. */
async function tryUnder(
  parts: Parts,
  context: ClaimContext,
  known: Known,
  sound: readonly Placed[],
  results: Results,
): Promise<readonly Placed[]> {
  const { log, errorText } = parts
  const { payable, settled } = await sortAt(parts, context, sound, 'latest', (place, error) => {
    log('error', 'ledger evm: a claim poisons every call', { place, reason: errorText(error) })
  })
  const again: Placed[] = []
  for (const call of payable) again.push(...(await pay(parts, call, results)))
  const repeated = sound.filter(({ place }) => settled.get(place)?.status === 'repeated')
  const isFinal = known.final ? await finallyRepeated(parts, context, repeated) : noPlaces
  for (const one of sound) {
    const result = settled.get(one.place)
    if (!result) continue
    if (result.status !== 'repeated' || isFinal.has(one.place)) results.set(one.place, result)
    else again.push(one)
  }
  return again
}

const secondsOf = ({ clock }: Parts) => Math.floor(clock.nowMs() / 1_000)

/** How claims may be shown: under the signer in force, then under the one that it replaced. */
function contextsOf(parts: Parts, known: Known): readonly ClaimContext[] {
  const current = contextOf(parts, known)
  const { previous } = known.opened
  // The chain's clock is another: near its end the notice counts as over.
  const isOver = !previous || secondsOf(parts) >= previous.untilSeconds - CLOCK_TOLERANCE_SECONDS
  if (isOver) return [current]
  return [current, { ...current, signerKey: previous.key, signer: 'previous signer' }]
}

function sortAt(
  { codec, node, to, account }: Parts,
  context: ClaimContext,
  claims: readonly Placed[],
  tag: BlockTag,
  onPoison: (place: number, error: unknown) => void,
) {
  const attempt = (data: string, gas: bigint) =>
    node.call(callFrom(account.address, to, data, gas), tag)
  return sortClaims(context, codec, claims, attempt, onPoison)
}

const noPlaces: ReadonlySet<number> = new Set()

/** Places whose payment is final: one in a newer block may still be taken back. */
async function finallyRepeated(
  parts: Parts,
  context: ClaimContext,
  claims: readonly Placed[],
): Promise<ReadonlySet<number>> {
  const block = claims.length > 0 ? await parts.reader.finalBlock() : undefined
  if (block === undefined) return noPlaces
  // What fails here is not final, and nothing worse.
  const { settled } = await sortAt(parts, context, claims, block, () => undefined)
  const repeated = [...settled].filter(([, { status }]) => status === 'repeated')
  return new Set(repeated.map(([place]) => place))
}

/** Under which of the contexts a claim is sound, or why it is under none. */
function judgeUnder(
  parts: Parts,
  contexts: readonly ClaimContext[],
  state: AllocationState | undefined,
  claim: Claim,
): ClaimContext | ClaimResult {
  const { domain, verify, sha256 } = parts
  const tools = { digester: digesterOf(domain), verify, hash: sha256 }
  let last: ClaimContext | ClaimResult | undefined
  for (const context of contexts) {
    const terms = state && { ...state, signerKey: context.signerKey }
    last = judgeHere(claim, context, terms, secondsOf(parts), tools) ?? context
    if (!('status' in last) || last.reason !== 'bad_mandate_signature') break
  }
  return present(last, 'claims are judged under one context at least')
}

const nobodys = ({ domain }: Parts): ClaimContext => ({
  domain,
  allocation: nobody,
  signerKey: { algorithm: 'secp256k1', bytes: new Uint8Array(64) },
})
const nobody = { fleet: '', gateway: '', payee: new Uint8Array(20), assetCode: '', assetScale: 0 }

/** Sends one call to its end; answers the claims that have to be tried again. */
async function pay(parts: Parts, call: Payable, results: Results): Promise<readonly Placed[]> {
  const receipt = await finalReceipt(parts, call.data, call.gas)
  if (!receipt?.succeeded) return call.batch
  const event = eventIn(parts, receipt, 'Claimed')
  const outcomes = outcomesOf(parts, event?.['outcomes'], call.batch)
  call.batch.forEach(({ place }, index) => {
    const result = outcomes[index]
    if (result) results.set(place, result)
  })
  return []
}
