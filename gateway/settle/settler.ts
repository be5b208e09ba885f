/**
 * Periodic settlement: due channels become an outbox entry in the journal, then claims at the
 * ledger, then a journaled answer. What is found in the outbox after a restart is submitted again
 * under its own key.
 * @module
 */
import type { Claim, ClaimLeaf, ClaimResult } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { amountAt } from '../../protocol/channel.ts'
import { CHECKPOINT } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import { evidenceFor } from '../mandates.ts'
import type { SettledItem, SettlementItem } from '../state/events.ts'
import { heldAmount, isClosed, isLapsed, worstAmount } from '../state/hotChannels.ts'
import type { Outstanding } from '../state/state.ts'
import { allocationOf } from '../state/state.ts'
import { isDue } from './policy.ts'

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
/** Claims made in one turn: each reads three records of the cold state. */
const CLAIMS_PER_TURN = 64
/** Channels looked at in one turn. */
const CHANNELS_PER_TURN = 8_192
const KEY_BYTES = 16
/**
 * Refusals that may pass by themselves: when the fleet adds to its deposit, and when the gateway
 * knows again what the statement in force says.
 */
const PASSING_REASONS: ReadonlySet<string> = new Set(['no_funds', 'no_leaf', 'wrong_leaf'])

export type SettlementSummary = {
  readonly channels: number
  /** Minor units that the ledger paid by this settlement. */
  readonly paid: bigint
  readonly refused: number
}

/**
 * Settles by evidence everything that is due, but for allocations with a statement under way; one
 * run at a time.
 */
export async function settleDue(core: Core): Promise<SettlementSummary> {
  await releaseLapsed(core)
  const line = createLine(core)
  let items: SettlementItem[] = []
  try {
    await inTurns(core, async (from, to) => {
      for (let channel = from; channel < to; channel++) {
        if (!isOwing(core, channel) || isStated(core, channel)) continue
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
  let summary: SettlementSummary = { channels: 0, paid: 0n, refused: 0 }
  const takeFirst = async () => {
    const first = await underway[0]
    underway.shift()
    if (first) summary = add(summary, first)
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
async function inTurns(
  core: Core,
  visit: (from: number, to: number) => Promise<void>,
): Promise<void> {
  const count = core.state.hot.count()
  for (let from = 0; from < count; from += CHANNELS_PER_TURN) {
    if (from > 0) await nextTurn(core)
    await visit(from, Math.min(count, from + CHANNELS_PER_TURN))
  }
}

function nextTurn(core: Core): Promise<void> {
  return new Promise((resolve) => core.ports.timers.soon(resolve))
}

/** Submits again what a previous run left unanswered. */
export async function settleOutbox(core: Core): Promise<void> {
  for (const outstanding of [...core.state.outbox.values()]) await submit(core, outstanding)
}

function add(a: SettlementSummary, b: SettlementSummary): SettlementSummary {
  return {
    channels: a.channels + b.channels,
    paid: a.paid + b.paid,
    refused: a.refused + b.refused,
  }
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

/** Names of fleets with channels that are due and no statement under way. */
export async function fleetsDue(core: Core): Promise<ReadonlySet<string>> {
  const due = new Set<number>()
  const { allocation } = core.state.hot.columns
  await inTurns(core, async (from, to) => {
    for (let channel = from; channel < to; channel++) {
      const place = allocation[channel] ?? 0
      if (due.has(place) || !isOwing(core, channel) || isStated(core, channel)) continue
      due.add(place)
    }
  })
  const ids = new Set([...due].map((place) => nameOf(core.state.allocations[place]?.id)))
  const fleets = [...core.state.fleets].filter(([, one]) => ids.has(nameOf(one.allocation)))
  return new Set(fleets.map(([name]) => name))
}

const nameOf = (allocation: Uint8Array | undefined) => allocation && bytesToHex(allocation)

/** Evidence that is paid while a statement waits would make the statement void. */
function isStated({ state }: Core, channel: number): boolean {
  const { underWay } = state.statements
  return underWay.size > 0 && underWay.has(bytesToHex(allocationOf(state, channel).id))
}

function isOwing(core: Core, channel: number): boolean {
  const { hot, quarantine } = core.state
  const { claimUntilSeconds, limit, paid } = hot.columns
  const held = heldAmount(hot, channel)
  const exposure = held - (paid[channel] ?? 0n)
  // Most channels end here; where settlements follow each other, nearly all.
  if (exposure <= 0n) return false
  const refused = quarantine.get(channel)
  if (refused !== undefined && !PASSING_REASONS.has(refused)) return false
  const owing = {
    exposure,
    claimUntilSeconds: claimUntilSeconds[channel] ?? 0,
    urgent: isClosed(hot, channel) || held > (limit[channel] ?? 0n),
  }
  return isDue(owing, core.config.settlement, core.writer.seconds())
}

/** The state of a channel, to be shown to the ledger. */
export function itemOf(core: Core, channel: number): SettlementItem {
  const { columns } = core.state.hot
  return {
    channel,
    epoch: columns.epoch[channel] ?? 0,
    index: columns.index[channel] ?? 0,
    word: columns.word.slice(channel * WORD_BYTES, (channel + 1) * WORD_BYTES),
  }
}

async function submit(core: Core, outstanding: Outstanding): Promise<SettlementSummary> {
  const claims = await claimsOf(core, outstanding.items)
  const results = await core.ledger.submit(claims, bytesToHex(outstanding.key))
  const items = outstanding.items.map((item, place) =>
    settledItem(item, present(results[place], 'the ledger answers every claim')),
  )
  core.writer.record({ kind: 'settled', key: outstanding.key, items })
  await core.writer.drained()
  report(core, items)
  return {
    channels: items.length,
    paid: results.reduce((sum, result) => sum + result.paid, 0n),
    refused: items.filter((item) => item.refused !== undefined).length,
  }
}

async function claimsOf(core: Core, items: readonly SettlementItem[]): Promise<readonly Claim[]> {
  const claims: Claim[] = []
  for (const item of items) {
    if (claims.length > 0 && claims.length % CLAIMS_PER_TURN === 0) await nextTurn(core)
    await core.leafProofs.prepare(item.channel, () => nextTurn(core))
    claims.push(claimOf(core, item))
  }
  return claims
}

/** The evidence for one channel: its mandate, the held word's own commitment, and the word. */
export function claimOf(core: Core, item: SettlementItem): Claim {
  const { cold } = core.state
  const commitment = present(
    cold.commitment(item.channel, item.epoch),
    'a settlement item has its commitment',
  )
  if (item.index === 0) {
    const isEvidence = commitment.value.kind === CHECKPOINT
    present(isEvidence || undefined, 'a renewal without a word of its own is never claimed')
  }
  return {
    channel: cold.channel(item.channel).channel,
    mandate: evidenceFor(core, item.channel, amountAt(commitment.value, item.index)),
    commitment,
    index: item.index,
    word: item.word,
    ...withLeaf(core.leafProofs.leafOf(item.channel)),
  }
}

const withLeaf = (leaf: ClaimLeaf | undefined) => (leaf ? { leaf } : {})

function settledItem(item: SettlementItem, result: ClaimResult): SettledItem {
  const refused = result.status === 'refused' ? (result.reason ?? 'refused') : undefined
  return { channel: item.channel, paid: result.cumulative, refused }
}

function report(core: Core, items: readonly SettledItem[]): void {
  for (const { channel, refused } of items) {
    const { fleet, device } = core.state.cold.channel(channel)
    core.touch(fleet, device)
    if (refused === undefined) continue
    core.ports.log('error', 'the ledger refused a claim; the rest was settled', {
      fleet,
      device,
      channel,
      reason: refused,
    })
  }
}
