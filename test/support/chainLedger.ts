/**
 * A ledger that takes back what it has done, block by block: the embedded one on a store whose
 * former contents are put back. Every submission is a block of its own.
 */
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import type { AllocationState, LedgerEvent } from '../../ledger/ledger.ts'
import { present } from '../../protocol/assert.ts'
import { everyEntry, refill } from './gatewayState.ts'
import type { MemoryKeyValue } from './memoryKeyValue.ts'

export type ChainLedger = {
  readonly wrapLedger: (real: EmbeddedLedger) => EmbeddedLedger
  /** Blocks since the beginning. */
  readonly height: () => number
  /** Takes the last `depth` blocks back, and tells followers how things are now. */
  readonly reorganise: (depth: number) => Promise<AllocationState>
}

/** `store` answers the books of the one allocation that there is. */
export function chainLedger(store: () => MemoryKeyValue): ChainLedger {
  const blocks: ReturnType<typeof everyEntry>[] = []
  const listeners = new Set<(event: LedgerEvent) => void>()
  let ledger: EmbeddedLedger | undefined
  const block = async <T>(act: () => Promise<T>): Promise<T> => {
    const contents = everyEntry(store())
    const result = await act()
    blocks.push(contents)
    return result
  }
  return {
    wrapLedger: (real) => {
      ledger = real
      return {
        ...real,
        submit: (...asked) => block(() => real.submit(...asked)),
        submitStatement: (...asked) => block(() => real.submitStatement(...asked)),
        follow: (onEvent) => {
          listeners.add(onEvent)
          const cancel = real.follow(onEvent)
          return () => {
            listeners.delete(onEvent)
            cancel()
          }
        },
      }
    },
    height: () => blocks.length,
    reorganise: async (depth) => {
      const contents = present(blocks[blocks.length - depth], 'a block of this depth')
      blocks.length -= depth
      await refill(store(), contents)
      const [allocation] = await present(ledger, 'a ledger').allocations()
      const state = present(allocation, 'an allocation')
      for (const tell of listeners) tell({ kind: 'paid', allocation: state })
      return state
    },
  }
}
