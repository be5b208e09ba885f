/**
 * What a watcher knows: the newest evidence of each channel, the allocations that pay for it, and
 * what came of showing it. Synchronous; who calls says what time it is.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import { amountAt } from '../../protocol/channel.ts'
import type { AllocationState, Claim, ClaimResult } from '../ledger.ts'
import type { Due, Held, WatchPolicy, WatchScope } from './decide.ts'
import { dueAtSeconds, dueNow, isLost, leavesAtSeconds } from './decide.ts'

/** Something that people should hear of. */
export type WatchNews =
  | { readonly what: 'withdrawal'; readonly allocation: string; readonly leavesAtSeconds: number }
  | { readonly what: 'settlement'; readonly allocation: string; readonly doubts: number }

export type Watcher = {
  /**
   * Takes what was exported last. A channel that is not in it any more is settled; one that it
   * knows less of keeps what was held.
   */
  readonly take: (claims: readonly Claim[]) => void
  /** Ids of the allocations that pay for what is held. */
  readonly allocations: () => readonly Uint8Array[]
  /**
   * Takes how an allocation is now; `undefined` for one that the ledger does not know.
   * @param ownPaid minor units that the watcher itself had paid since it was seen last
   */
  readonly see: (
    id: Uint8Array,
    state: AllocationState | undefined,
    nowSeconds: number,
    ownPaid?: bigint,
  ) => readonly WatchNews[]
  readonly due: (nowSeconds: number, scope: WatchScope) => readonly Due[]
  /** Takes what the ledger said of what was shown, in the same order. */
  readonly answered: (
    shown: readonly Due[],
    results: readonly (ClaimResult | undefined)[],
    nowSeconds: number,
  ) => void
  /** How things stand. */
  readonly standing: (nowSeconds: number) => WatchStanding
}

export type WatchStanding = {
  readonly channels: number
  /** Minor units that evidence states beyond what the ledger said is settled. */
  readonly open: bigint
  /** Channels whose evidence ran out before it was paid. */
  readonly lost: number
  readonly refused: number
  /** When something is due, if nothing happens before. */
  readonly nextDueAtSeconds: number | undefined
}

const allocationName = ({ channel }: Claim): string => bytesToHex(channel.allocation)
const nameOf = (claim: Claim): string => `${allocationName(claim)}/${claim.channel.position}`
const stated = ({ commitment, index }: Claim): bigint => amountAt(commitment.value, index)

export function createWatcher(policy: WatchPolicy): Watcher {
  let held = new Map<string, Held>()
  const seen = new Map<string, AllocationState>()
  const change = (claim: Claim, to: (one: Held) => Held) => {
    const one = held.get(nameOf(claim))
    if (one) held.set(nameOf(claim), to(one))
  }
  const heldIn = (allocation: string) =>
    [...held.values()].filter(({ claim }) => allocationName(claim) === allocation)
  const stateOf = (one: Held) => seen.get(allocationName(one.claim))
  return {
    take: (claims) => {
      held = new Map(claims.map((claim) => [nameOf(claim), newest(held.get(nameOf(claim)), claim)]))
    },
    allocations: () => {
      const ids = [...held.values()].map(({ claim }) => claim.channel.allocation)
      return [...new Map(ids.map((id) => [bytesToHex(id), id])).values()]
    },
    see: (id, state, nowSeconds, ownPaid = 0n) => {
      const name = bytesToHex(id)
      const last = seen.get(name)
      const before = last && { ...last, paid: last.paid + ownPaid }
      if (!state) seen.delete(name)
      else seen.set(name, state)
      if (!state) return []
      const news: WatchNews[] = []
      const leavesAt = leavesAtSeconds(state)
      if (leavesAt !== undefined && leavesAt !== (before && leavesAtSeconds(before))) {
        news.push({ what: 'withdrawal', allocation: name, leavesAtSeconds: leavesAt })
      }
      if (before && isChanged(before, state)) {
        for (const { claim } of heldIn(name)) {
          change(claim, (one) => afterChange(one, before, state, nowSeconds))
        }
        const doubts = heldIn(name).filter(({ doubt }) => doubt).length
        if (isSettled(before, state)) news.push({ what: 'settlement', allocation: name, doubts })
      }
      return news
    },
    due: (nowSeconds, scope) =>
      [...held.values()].flatMap((one) => {
        const state = stateOf(one)
        return (state && dueNow(one, state, policy, nowSeconds, scope)) ?? []
      }),
    answered: (shown, results, nowSeconds) => {
      shown.forEach(({ claim }, place) => {
        const result = results[place]
        if (result) change(claim, (one) => afterAnswer(one, claim, result, nowSeconds))
      })
    },
    standing: (nowSeconds) => standingOf([...held.values()], stateOf, policy, nowSeconds),
  }
}

function standingOf(
  all: readonly Held[],
  stateOf: (one: Held) => AllocationState | undefined,
  policy: WatchPolicy,
  nowSeconds: number,
): WatchStanding {
  let open = 0n
  let next = Number.POSITIVE_INFINITY
  for (const one of all) {
    if (one.settled < one.amount) open += one.amount - one.settled
    const state = stateOf(one)
    if (state && !isLost(one, nowSeconds)) {
      next = Math.min(next, dueAtSeconds(one, state, policy) ?? next)
    }
  }
  return {
    ...{ channels: all.length, open },
    lost: all.filter((one) => isLost(one, nowSeconds)).length,
    refused: all.filter(({ refusal }) => refusal).length,
    nextDueAtSeconds: Number.isFinite(next) ? next : undefined,
  }
}

/** The higher of what was held and what was exported, with the leaf in force. */
function newest(before: Held | undefined, claim: Claim): Held {
  const amount = stated(claim)
  if (!before) return { claim, amount, settled: 0n }
  const { leaf } = claim
  const withLeaf = (one: Claim): Claim => (leaf ? { ...one, leaf } : one)
  const { doubt, settled, refusal } = before
  const isMore = amount > before.amount
  const isWaiting = refusal !== undefined && !isMore && !isLeafless(refusal.reason)
  return {
    ...(amount < before.amount
      ? { claim: withLeaf(before.claim), amount: before.amount }
      : { claim, amount }),
    settled,
    ...(doubt ? { doubt: { ...doubt, claim: withLeaf(doubt.claim) } } : {}),
    ...(isWaiting ? { refusal } : {}),
  }
}

/** What a newer export mends. */
const isLeafless = (reason: string) => reason === 'no_leaf' || reason === 'wrong_leaf'

const isSettled = (before: AllocationState, after: AllocationState): boolean =>
  after.paid !== before.paid || after.statementSequence !== before.statementSequence

/** A deposit or a settlement may make payable what was refused. */
const isChanged = (before: AllocationState, after: AllocationState): boolean =>
  isSettled(before, after) || after.setAside !== before.setAside

function afterChange(
  { refusal: _, ...one }: Held,
  before: AllocationState,
  after: AllocationState,
  sinceSeconds: number,
): Held {
  // What a chain has taken back is owed again.
  const settled = after.paid < before.paid ? 0n : one.settled
  const isDoubtful = isSettled(before, after) && !one.doubt && settled < one.amount
  return { ...one, settled, ...(isDoubtful ? { doubt: { claim: one.claim, sinceSeconds } } : {}) }
}

function afterAnswer(one: Held, shown: Claim, result: ClaimResult, atSeconds: number): Held {
  if (result.status === 'refused') {
    return { ...one, refusal: { reason: result.reason ?? 'refused', atSeconds } }
  }
  const { doubt, refusal: _, ...rest } = one
  // What the ledger calls settled is at least what was shown.
  const settled = [one.settled, result.cumulative, stated(shown)].reduce((a, b) => (a > b ? a : b))
  const isOpen = doubt !== undefined && settled < stated(doubt.claim)
  return { ...rest, settled, ...(isOpen ? { doubt } : {}) }
}
