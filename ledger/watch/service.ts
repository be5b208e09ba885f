/**
 * A watcher at work: reads what was exported, looks at the ledger, and shows it what is due. It
 * needs neither the gateway nor its key, only evidence and a way to the ledger.
 * @module
 */
import type { Cancel, Clock, Log, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bigEndian, bytesToHex, concatBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { AllocationState, Claim, ClaimResult } from '../ledger.ts'
import type { Due, WatchPolicy, WatchScope } from './decide.ts'
import { createWatcher, type WatchNews, type WatchStanding } from './watcher.ts'

/** Claims of one submission: so many are lost to one that a ledger fails on, until it is halved. */
export const CLAIMS_PER_SUBMISSION_MAX = 256

export type WatchedLedger = {
  readonly allocation: (id: Uint8Array) => Promise<AllocationState | undefined>
  readonly submit: (claims: readonly Claim[], key: string) => Promise<readonly ClaimResult[]>
}

export type WatchOptions = {
  readonly ledger: WatchedLedger
  /** What was exported last; `same` where nothing was since the last call. */
  readonly readClaims: () => Promise<readonly Claim[] | 'same'>
  readonly policy: WatchPolicy
  readonly pollMs: number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly sha256: Sha256
}

export type ShownClaim = {
  readonly reason: Due['reason']
  readonly allocation: string
  readonly position: number
  readonly result: ClaimResult
}

export type Look = WatchStanding & {
  readonly shown: readonly ShownClaim[]
  /** Minor units that this look had paid. */
  readonly paid: bigint
}

export type Watch = {
  /** One look, and all that follows from it. */
  readonly look: (scope: WatchScope) => Promise<Look>
  /** Looks again and again; what fails is told and tried at the next look. */
  readonly start: () => Cancel
}

export function createWatch(options: WatchOptions): Watch {
  const { ledger, policy, clock, timers, pollMs, log } = options
  const watcher = createWatcher(policy)
  const nowSeconds = () => Math.floor(clock.nowMs() / 1_000)
  const seeAll = async (shown: readonly ShownClaim[] = []) => {
    for (const id of watcher.allocations()) {
      const state = await ledger.allocation(id)
      const allocation = bytesToHex(id)
      if (!state) log('error', 'the ledger has no such allocation', { allocation })
      const own = shown.filter((one) => one.allocation === allocation)
      for (const news of watcher.see(id, state, nowSeconds(), sumOf(own))) tellNews(log, news)
    }
  }
  const look = async (scope: WatchScope): Promise<Look> => {
    const claims = await options.readClaims()
    if (claims !== 'same') watcher.take(claims)
    await seeAll()
    const shown: ShownClaim[] = []
    for (const batch of batchesOf(watcher.due(nowSeconds(), scope))) {
      const results = await show(options, batch)
      watcher.answered(batch, results, nowSeconds())
      shown.push(...batch.flatMap((due, place) => shownOf(due, results[place])))
    }
    // So that what was paid here is not taken for a settlement of somebody else.
    if (shown.length > 0) await seeAll(shown)
    for (const one of shown) tellShown(log, one)
    return { ...watcher.standing(nowSeconds()), shown, paid: sumOf(shown) }
  }
  return { look, start: () => repeat(look, timers, pollMs, log) }
}

const sumOf = (shown: readonly ShownClaim[]): bigint =>
  shown.reduce((sum, { result }) => sum + result.paid, 0n)

function repeat(
  look: (scope: WatchScope) => Promise<Look>,
  timers: Timers,
  pollMs: number,
  log: Log,
): Cancel {
  let isOver = false
  let cancel: Cancel = () => {}
  let lost = 0
  const again = () => {
    look('due')
      .then((found) => {
        if (found.lost > lost) {
          log('error', 'evidence has run out before it was paid', { channels: found.lost })
        }
        lost = found.lost
      })
      .catch((error: unknown) => {
        log('warn', 'the watcher could not look, it tries again', { reason: reasonOf(error) })
      })
      .finally(() => {
        if (!isOver) cancel = timers.after(pollMs, again)
      })
  }
  again()
  return () => {
    isOver = true
    cancel()
  }
}

/** Of one allocation each, so that one that fails keeps no other from being paid. */
function batchesOf(all: readonly Due[]): readonly (readonly Due[])[] {
  const byAllocation = new Map<string, Due[]>()
  for (const due of all) {
    const name = bytesToHex(due.claim.channel.allocation)
    const group = byAllocation.get(name) ?? []
    group.push(due)
    byAllocation.set(name, group)
  }
  return [...byAllocation.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / CLAIMS_PER_SUBMISSION_MAX) }, (_, part) =>
      group.slice(part * CLAIMS_PER_SUBMISSION_MAX, (part + 1) * CLAIMS_PER_SUBMISSION_MAX),
    ),
  )
}

/** The results of a batch; one claim that the ledger fails on is found by halves and left out. */
async function show(
  options: WatchOptions,
  batch: readonly Due[],
): Promise<readonly (ClaimResult | undefined)[]> {
  const { ledger, log } = options
  try {
    const claims = batch.map(({ claim }) => claim)
    return await ledger.submit(claims, keyOf(options, claims))
  } catch (error) {
    // What an operator can mend concerns the whole ledger: it is tried again with the next look.
    if (error instanceof OperatorError) throw error
    const [first] = batch
    if (batch.length <= 1) {
      const position = first?.claim.channel.position ?? 0
      log('error', 'the ledger fails on a claim', { position, reason: reasonOf(error) })
      return [undefined]
    }
    const middle = batch.length >>> 1
    const left = await show(options, batch.slice(0, middle))
    return [...left, ...(await show(options, batch.slice(middle)))]
  }
}

/** A new one each time: under a used key a ledger repeats its answer, and judges nothing anew. */
function keyOf({ sha256, clock }: WatchOptions, claims: readonly Claim[]): string {
  const parts = claims.map(({ word }) => word)
  const now = bigEndian(BigInt(clock.nowMs()), 8)
  return `watch-${bytesToHex(sha256(concatBytes(now, ...parts))).slice(0, 32)}`
}

const shownOf = ({ reason, claim }: Due, result: ClaimResult | undefined): ShownClaim[] => {
  const { allocation, position } = claim.channel
  return result ? [{ reason, allocation: bytesToHex(allocation), position, result }] : []
}

function tellNews(log: Log, news: WatchNews): void {
  const { what, ...fields } = news
  if (what === 'withdrawal') log('warn', 'money was asked back; evidence is shown in time', fields)
  else log('info', 'somebody has settled', fields)
}

function tellShown(log: Log, { reason, allocation, position, result }: ShownClaim): void {
  const { status, paid } = result
  const fields = { reason, allocation, position, status, paid: `${paid}` }
  if (result.status === 'refused') {
    log('error', 'the ledger refuses evidence', { ...fields, refusal: result.reason ?? 'none' })
  } else log('info', 'evidence was shown', fields)
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`)
