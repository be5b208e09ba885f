/**
 * One submission from the outbox to a journaled answer. What the ledger cannot deal with is found
 * by halves and put aside, and the rest is settled.
 * @module
 */
import type { Claim, ClaimResult } from '../../ledger/ledger.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, utf8ToBytes } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import type { SettledItem, SettlementItem } from '../state/events.ts'
import type { Outstanding } from '../state/state.ts'
import { allocationOf } from '../state/state.ts'
import { claimOf } from './evidence.ts'
import { adviceFor, LEDGER_FAILED, NO_EVIDENCE } from './policy.ts'

/** Claims made in one turn: each reads three records of the cold state. */
const CLAIMS_PER_TURN = 64
const KEY_CHARS = 32

export type SettlementSummary = {
  readonly channels: number
  /** Minor units that the ledger paid by this settlement. */
  readonly paid: bigint
  readonly refused: number
}

export const nothingSettled: SettlementSummary = { channels: 0, paid: 0n, refused: 0 }

export function addSummaries(a: SettlementSummary, b: SettlementSummary): SettlementSummary {
  return {
    channels: a.channels + b.channels,
    paid: a.paid + b.paid,
    refused: a.refused + b.refused,
  }
}

type Evidence = { readonly item: SettlementItem; readonly claim: Claim }
type Judged = { readonly settled: SettledItem; readonly paid: bigint }

/** @throws what the ledger throws while it is away; the outbox keeps the submission */
export async function submit(core: Core, outstanding: Outstanding): Promise<SettlementSummary> {
  const { key, items } = outstanding
  const { evidence, unproved } = await evidenceOf(core, items)
  const judged = [...(await judge(core, bytesToHex(key), evidence)), ...unproved]
  const settled = judged.map((one) => one.settled)
  core.writer.record({ kind: 'settled', key, items: settled })
  await core.writer.drained()
  report(core, settled)
  return {
    channels: judged.length,
    paid: judged.reduce((sum, one) => sum + one.paid, 0n),
    refused: settled.filter(({ refused }) => refused !== undefined).length,
  }
}

async function evidenceOf(core: Core, items: readonly SettlementItem[]) {
  const nextTurn = () => new Promise<void>((resolve) => core.ports.timers.soon(resolve))
  const evidence: Evidence[] = []
  const unproved: Judged[] = []
  for (const [place, item] of items.entries()) {
    if (place > 0 && place % CLAIMS_PER_TURN === 0) await nextTurn()
    await core.leafProofs.prepare(item.channel, nextTurn)
    try {
      evidence.push({ item, claim: claimOf(core, item) })
    } catch (error) {
      // A record that is damaged costs its own channel, not those beside it.
      unproved.push(putAside(core, item, NO_EVIDENCE, error))
    }
  }
  return { evidence, unproved }
}

/** Answers in the order of `evidence`. */
async function judge(
  core: Core,
  key: string,
  evidence: readonly Evidence[],
): Promise<readonly Judged[]> {
  if (evidence.length === 0) return []
  let results: readonly ClaimResult[]
  try {
    results = await core.ledger.submit(
      evidence.map(({ claim }) => claim),
      key,
    )
  } catch (error) {
    if (!(await isPoisoned(core, evidence, error))) throw error
    const [only] = evidence
    if (only && evidence.length === 1) return [putAside(core, only.item, LEDGER_FAILED, error)]
    return inHalves(core, key, evidence)
  }
  return evidence.map(({ item }, place) =>
    answered(item, present(results[place], 'the ledger answers every claim')),
  )
}

async function inHalves(core: Core, key: string, evidence: readonly Evidence[]) {
  const middle = evidence.length >>> 1
  const half = (name: string, part: readonly Evidence[]) =>
    judge(core, bytesToHex(core.sha256(utf8ToBytes(key + name))).slice(0, KEY_CHARS), part)
  const first = await half('a', evidence.slice(0, middle))
  return [...first, ...(await half('b', evidence.slice(middle)))]
}

/**
 * A ledger that is away or short of time says so, or answers nothing else either. One that answers
 * and fails on these claims has something in them that it cannot deal with.
 */
async function isPoisoned(core: Core, evidence: readonly Evidence[], error: unknown) {
  const [first] = evidence
  if (!first || error instanceof OperatorError) return false
  const { id } = allocationOf(core.state, first.item.channel)
  return core.ledger.allocation(id).then(
    (known) => known !== undefined,
    () => false,
  )
}

function answered({ channel }: SettlementItem, result: ClaimResult): Judged {
  const refused = result.status === 'refused' ? (result.reason ?? 'refused') : undefined
  return { settled: { channel, paid: result.cumulative, refused }, paid: result.paid }
}

function putAside(core: Core, { channel }: SettlementItem, reason: string, error: unknown): Judged {
  const cause = error instanceof Error ? error.message : String(error)
  core.ports.log('error', 'a claim could not be judged', { channel, cause })
  return { settled: { channel, paid: 0n, refused: reason }, paid: 0n }
}

function report(core: Core, items: readonly SettledItem[]): void {
  for (const { channel, refused } of items) {
    const { fleet, device } = core.state.cold.channel(channel)
    core.touch(fleet, device)
    if (refused === undefined || refused === LEDGER_FAILED || refused === NO_EVIDENCE) continue
    core.ports.log('error', 'the ledger refused a claim; the rest was settled', {
      fleet,
      device,
      channel,
      reason: refused,
      advice: adviceFor(refused),
    })
  }
}
