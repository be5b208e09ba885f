/**
 * What the contract's events say of an allocation beyond its figures: how it was opened, who its
 * signers were, which positions were used. Events in blocks that stay are read once.
 * @module
 */
import type { ContractCodec, Values } from './chain.ts'
import { REORGANISATION_MAX } from './headRules.ts'
import { logRanges } from './logRanges.ts'
import type { Node } from './node.ts'
import { hexOf, type Opened, openedAfter } from './states.ts'

export type History = {
  /** With the signer in force, and the one before; undefined before it was opened. */
  readonly opened: Opened | undefined
  /** First position beyond those of the last statement. */
  readonly statementPositions: number
  /** First position beyond all that evidence was paid for. */
  readonly evidencePositions: number
}

const nothing: History = { opened: undefined, statementPositions: 0, evidencePositions: 0 }

const UINT64 = (1n << 64n) - 1n
const EVIDENCE_AT = 72n
const POSITION_AT = 136n
const POSITION = (1n << 20n) - 1n

/** The history with one event more. */
export function historyAfter(
  before: History,
  { name, values }: { readonly name: string; readonly values: Values },
): History {
  if (name === 'StatementTaken') {
    return { ...before, statementPositions: Number(values['positions']) }
  }
  if (name === 'Claimed') {
    const used = positionsIn(values['outcomes'] as readonly bigint[])
    return { ...before, evidencePositions: Math.max(before.evidencePositions, used) }
  }
  return { ...before, opened: openedAfter(before.opened, name, values) }
}

/** First position beyond those that hold evidence; a refused claim may name any. */
function positionsIn(outcomes: readonly bigint[]): number {
  return outcomes
    .filter((outcome) => ((outcome >> EVIDENCE_AT) & UINT64) > 0n)
    .reduce((most, outcome) => Math.max(most, Number((outcome >> POSITION_AT) & POSITION) + 1), 0)
}

export type HistoryOptions = {
  readonly node: Node
  readonly codec: ContractCodec
  /** `0x` and 40 digits. */
  readonly contract: string
  /** Block of the contract's creation: no event is older. */
  readonly createdAt: number
}

type Read = { readonly history: History; readonly next: number }

/** Answers the history of an allocation up to the newest block. */
export function createHistories(options: HistoryOptions): (id: Uint8Array) => Promise<History> {
  const { node, codec, contract, createdAt } = options
  /** By id: what blocks say that no reorganisation takes back any more. */
  const kept = new Map<string, Read>()
  return async (id) => {
    const name = hexOf(id)
    const head = (await node.block('latest'))?.number ?? 0
    const fold = async (from: Read, to: number, onRange: (read: Read) => void) => {
      let read = from
      const ask = (start: number, end: number) => node.logs(contract, [null, name], start, end)
      for await (const range of logRanges(ask, from.next, to)) {
        const events = range.logs.flatMap((log) => codec.event(log) ?? [])
        read = { history: events.reduce(historyAfter, read.history), next: range.to + 1 }
        onRange(read)
      }
      return read
    }
    const start = kept.get(name) ?? { history: nothing, next: createdAt }
    const settled = await fold(start, head - REORGANISATION_MAX, (read) => kept.set(name, read))
    return (await fold(settled, head, () => undefined)).history
  }
}
