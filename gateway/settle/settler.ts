/**
 * Periodic settlement: due channels become an outbox entry in the journal, then claims at the
 * ledger, then a journaled answer. What is found in the outbox after a restart is submitted again
 * under its own key.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import type { SettlementItem } from '../state/events.ts'
import { heldAmount, isClosed, isLapsed, worstAmount } from '../state/hotChannels.ts'
import { allocationOf } from '../state/state.ts'
import { itemOf } from './evidence.ts'
import type { Scope } from './policy.ts'
import { isDue, isTriedAgain } from './policy.ts'
import type { SettlementSummary } from './submission.ts'
import { addSummaries, nothingSettled, submit } from './submission.ts'

/**
 * Channels in one submission. Its journal entry, its claims and its books are each made in one turn
 * of the event loop, and ticks wait for them: 25 KB and about 3 ms.
 */
const ITEMS_MAX = 512
/**
 * Submissions under way at a time: one is judged while the one before waits for its disk. With one
 * alone, ten thousand channels took 2.1 s, half of it waiting.
 */
const SUBMISSIONS_AT_ONCE = 2
/** Channels looked at in one turn. */
const CHANNELS_PER_TURN = 8_192
const KEY_BYTES = 16

/** What a run settles. */
export type Wanted = {
  readonly scope: Scope
  /** In quarantine, and to be shown again because the operator says so. */
  readonly retry: ReadonlySet<number>
  /** Allocations, in hex, whose every channel is shown: the books do not tell what is paid. */
  readonly shownAgain: ReadonlySet<string>
}

export const wantedUsually: Wanted = { scope: 'due', retry: new Set(), shownAgain: new Set() }

/**
 * Settles by evidence everything that is wanted, but for allocations with a statement under way;
 * one run at a time.
 */
export async function settleDue(core: Core, wanted: Wanted): Promise<SettlementSummary> {
  await releaseLapsed(core)
  const line = createLine(core)
  let items: SettlementItem[] = []
  try {
    await inTurns(core, async (from, to) => {
      for (let channel = from; channel < to; channel++) {
        if (!isShown(core, channel, wanted)) continue
        items.push(itemOf(core, channel))
        if (items.length < ITEMS_MAX) continue
        await line.settle(items)
        items = []
      }
    })
    if (items.length > 0) await line.settle(items)
  } finally {
    await line.ended()
  }
  return line.summary()
}

type Line = {
  /** Resolves when there is room for another submission. */
  readonly settle: (items: readonly SettlementItem[]) => Promise<void>
  /** Resolves when none is under way, and rejects with the first failure. */
  readonly ended: () => Promise<void>
  readonly summary: () => SettlementSummary
}

/** Submissions of different channels, in order, some at a time. */
function createLine(core: Core): Line {
  const underway: Promise<SettlementSummary>[] = []
  let summary = nothingSettled
  const takeFirst = async () => {
    const first = await underway[0]
    underway.shift()
    if (first) summary = addSummaries(summary, first)
  }
  return {
    settle: async (items) => {
      const one = submitNew(core, items)
      // It is awaited in its turn; until then a failure is not yet nobody's.
      one.catch(() => undefined)
      underway.push(one)
      if (underway.length >= SUBMISSIONS_AT_ONCE) await takeFirst()
    },
    ended: async () => {
      await Promise.allSettled(underway)
      while (underway.length > 0) await takeFirst()
    },
    summary: () => summary,
  }
}

async function submitNew(core: Core, items: readonly SettlementItem[]): Promise<SettlementSummary> {
  const key = core.ports.random.bytes(KEY_BYTES)
  core.writer.record({ kind: 'submitted', key, items })
  await core.writer.drained()
  return submit(core, { key, items })
}

/** Visits all channels that are there now; others run in between. */
export async function inTurns(
  core: Core,
  visit: (from: number, to: number) => Promise<void>,
): Promise<void> {
  const count = core.state.hot.count()
  for (let from = 0; from < count; from += CHANNELS_PER_TURN) {
    if (from > 0) await new Promise<void>((resolve) => core.ports.timers.soon(resolve))
    await visit(from, Math.min(count, from + CHANNELS_PER_TURN))
  }
}

/** Submits again what a previous run left unanswered. */
export async function settleOutbox(core: Core): Promise<void> {
  for (const outstanding of [...core.state.outbox.values()]) await submit(core, outstanding)
}

/** Past their claim window channels reserve no more than they hold. */
async function releaseLapsed(core: Core): Promise<void> {
  const { hot } = core.state
  await inTurns(core, async (from, to) => {
    const nowSeconds = core.writer.seconds()
    for (let channel = from; channel < to; channel++) {
      const claimUntil = hot.columns.claimUntilSeconds[channel] ?? 0
      if (claimUntil === 0 || nowSeconds <= claimUntil || isLapsed(hot, channel)) continue
      if (worstAmount(hot, channel) > heldAmount(hot, channel)) {
        core.writer.record({ kind: 'lapsed', channel })
      }
    }
  })
}

/** A fleet with channels that are due and no statement under way. */
export type FleetDue = {
  readonly fleet: string
  readonly allocation: Uint8Array
  /** The first end of a claim window that is still to come, of those that are due. */
  readonly claimUntilSeconds: number
}

export async function fleetsDue(core: Core, scope: Scope): Promise<readonly FleetDue[]> {
  const firstEnds = new Map<number, number>()
  const { allocation, claimUntilSeconds } = core.state.hot.columns
  await inTurns(core, async (from, to) => {
    const nowSeconds = core.writer.seconds()
    for (let channel = from; channel < to; channel++) {
      const place = allocation[channel] ?? 0
      if (!isOwing(core, channel, scope) || isStated(core, channel)) continue
      const first = firstEnds.get(place) ?? Number.POSITIVE_INFINITY
      const end = claimUntilSeconds[channel] ?? 0
      firstEnds.set(place, end >= nowSeconds ? Math.min(first, end) : first)
    }
  })
  const found: FleetDue[] = []
  for (const [fleet, { allocation: id }] of core.state.fleets) {
    const place = core.state.allocations.findIndex((use) => bytesToHex(use.id) === bytesToHex(id))
    const first = firstEnds.get(place)
    if (first !== undefined) found.push({ fleet, allocation: id, claimUntilSeconds: first })
  }
  return found
}

/**
 * Evidence that is paid while a statement waits would make the statement void; and what the
 * statement in force says has to be known for any evidence.
 */
function isStated({ state, doubts }: Core, channel: number): boolean {
  const { underWay } = state.statements
  if (underWay.size + doubts.forgotten.size === 0) return false
  const name = bytesToHex(allocationOf(state, channel).id)
  return underWay.has(name) || doubts.forgotten.has(name)
}

/** True when the channel's evidence goes to the ledger in this run. */
export function isShown(core: Core, channel: number, wanted: Wanted): boolean {
  return isWanted(core, channel, wanted) && !isStated(core, channel)
}

function isWanted(core: Core, channel: number, { scope, retry, shownAgain }: Wanted): boolean {
  if (retry.has(channel)) return true
  if (shownAgain.size === 0) return isOwing(core, channel, scope)
  const isAgain = shownAgain.has(bytesToHex(allocationOf(core.state, channel).id))
  return isAgain ? heldAmount(core.state.hot, channel) > 0n : isOwing(core, channel, scope)
}

function isOwing(core: Core, channel: number, scope: Scope): boolean {
  const { hot, quarantine } = core.state
  const { claimUntilSeconds, limit, paid } = hot.columns
  const held = heldAmount(hot, channel)
  const exposure = held - (paid[channel] ?? 0n)
  // Most channels end here; where settlements follow each other, nearly all.
  if (exposure <= 0n) return false
  const refused = quarantine.get(channel)
  if (refused !== undefined && !isTriedAgain(refused)) return false
  const owing = {
    exposure,
    claimUntilSeconds: claimUntilSeconds[channel] ?? 0,
    urgent: isClosed(hot, channel) || held > (limit[channel] ?? 0n),
  }
  return isDue(owing, core.config.settlement, core.writer.seconds(), scope)
}
