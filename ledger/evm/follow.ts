/**
 * Follows the chain: when a new block or a reorganisation changed an allocation, it is told again
 * as it is now. Nothing that is told here is final; what may be counted on is in the state.
 * @module
 */
import type { Cancel, Clock, Log, Timers } from '../../ports/index.ts'
import type { AllocationState, LedgerEvent } from '../ledger.ts'
import {
  BLOCKS_KEPT_MAX,
  type Block,
  type HeadStep,
  type Heads,
  isNewest,
  joinHeads,
} from './headRules.ts'
import type { Node } from './node.ts'
import type { Reader } from './reader.ts'
import { reasonOf } from './sender.ts'
import { hexOf } from './states.ts'

export type FollowerOptions = {
  readonly node: Node
  readonly reader: Reader
  readonly pollMs: number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

export type Follower = {
  /** Allocations that somebody asked for are followed. */
  readonly watch: (id: Uint8Array, state: AllocationState) => void
  readonly follow: (onEvent: (event: LedgerEvent) => void) => Cancel
  readonly close: () => void
}

/** What became of an allocation, in the order in which things are told; a fall is told too. */
export function changesOf(
  before: AllocationState,
  after: AllocationState,
): readonly LedgerEvent['kind'][] {
  const kinds: LedgerEvent['kind'][] = []
  if (after.setAside > before.setAside || after.available > before.available) kinds.push('funded')
  if (after.paid !== before.paid || after.statementSequence !== before.statementSequence) {
    kinds.push('paid')
  }
  const waiting = ({ withdrawing }: AllocationState) => withdrawing[0]?.availableAtSeconds ?? 0
  if (waiting(after) > waiting(before)) kinds.push('withdrawal_requested')
  if (after.setAside < before.setAside || waiting(after) < waiting(before)) kinds.push('withdrawn')
  return kinds
}

/** The newest stretch of the chain joined to what was known; asks the node for what is missing. */
export async function readHeads(node: Node, known: Heads): Promise<HeadStep> {
  const newest = await node.block('latest')
  if (!newest || isNewest(known, newest)) return { heads: known, dropped: 0 }
  const top = known.at(-1)?.number ?? newest.number
  const reachable = newest.number - top > BLOCKS_KEPT_MAX ? [] : known
  let newer: readonly Block[] = [newest]
  let step = joinHeads(reachable, newer)
  while ('need' in step) {
    const block = await node.block(step.need)
    // The chain was rearranged again while it was read: the next look begins anew.
    if (!block || block.hash !== newer[0]?.parent) return { heads: known, dropped: 0 }
    newer = [block, ...newer]
    step = joinHeads(reachable, newer)
  }
  return step
}

export function createFollower(options: FollowerOptions): Follower {
  const { node, reader, timers, pollMs, log } = options
  const watched = new Map<string, AllocationState>()
  const listeners = new Set<(event: LedgerEvent) => void>()
  let heads: Heads = []
  let isLooking = false
  const tell = (after: AllocationState) => {
    const before = watched.get(hexOf(after.id))
    watched.set(hexOf(after.id), after)
    if (!before) return
    for (const kind of changesOf(before, after)) {
      for (const listener of listeners) listener({ kind, allocation: after })
    }
  }
  const look = async () => {
    const step = await readHeads(node, heads)
    if ('tooDeep' in step) log('error', 'ledger evm: a reorganisation deeper than 64 blocks')
    const isNew = !('heads' in step) || step.heads !== heads
    if ('heads' in step && step.dropped > 0) {
      log('warn', 'ledger evm: the chain was rearranged', { blocks: step.dropped })
    }
    if (!isNew) return
    for (const { id } of [...watched.values()]) {
      const now = await reader.read(id)
      if (now) tell(now.state)
      else log('error', 'ledger evm: an allocation is gone', { allocation: hexOf(id) })
    }
    heads = 'heads' in step ? step.heads : []
  }
  const cancel = timers.every(pollMs, () => {
    if (isLooking || listeners.size === 0) return
    isLooking = true
    look()
      .catch((error: unknown) => {
        log('warn', 'ledger evm: the node did not answer', { reason: reasonOf(error) })
      })
      .finally(() => {
        isLooking = false
      })
  })
  return {
    watch: (id, state) => {
      if (!watched.has(hexOf(id))) watched.set(hexOf(id), state)
    },
    follow: (onEvent) => {
      listeners.add(onEvent)
      return () => listeners.delete(onEvent)
    },
    close: cancel,
  }
}
