/**
 * One node and one escrow for the tests of a file; each test begins where all began.
 * @module
 */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import type { Hardfork } from '../../ledger/evm/io/anvil.ts'
import type { Claim } from '../../ledger/ledger.ts'
import {
  type Escrow,
  type EscrowOptions,
  hasAnvil,
  type Node,
  type Outcome,
  openEscrow,
  startNode,
} from './world.ts'

export type Scene = {
  readonly node: () => Node
  readonly escrow: () => Escrow
  /** One claim alone, in a transaction that must succeed. */
  readonly single: (claim: Claim) => Promise<Outcome>
  /** Lets the chain's clock go on. */
  readonly pass: (seconds: number) => Promise<void>
}

export function escrowScene(options: EscrowOptions = {}, hardfork: Hardfork = 'osaka'): Scene {
  let node: Node | undefined
  let escrow: Escrow | undefined
  let kept: unknown
  beforeAll(async () => {
    if (!hasAnvil) return
    node = await startNode(hardfork)
    escrow = await openEscrow(node, options)
    kept = await node.rpc('evm_snapshot', [])
  })
  afterAll(() => node?.stop())
  beforeEach(async () => {
    await node?.rpc('evm_revert', [kept])
    kept = await node?.rpc('evm_snapshot', [])
  })
  const found = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('no node')
    return value
  }
  return {
    node: () => found(node),
    escrow: () => found(escrow),
    single: async (claim) => {
      const { status, outcomes } = await found(escrow).claim([claim])
      expect(status).toBe('0x1')
      return found(outcomes[0])
    },
    pass: async (seconds) => {
      await found(node).rpc('evm_increaseTime', [seconds])
      await found(node).rpc('evm_mine', [])
    },
  }
}
