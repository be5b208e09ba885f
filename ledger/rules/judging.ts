/**
 * What a ledger that judges claims itself needs for it.
 * @module
 */
import type { Timers } from '../../ports/index.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Verify } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { Prover } from './proofTasks.ts'

export type Judging = {
  readonly domain: Domain
  readonly maxTail: number
  readonly verify: Verify
  readonly sha256: Sha256
  /** Works on signatures and chains ahead of the ledger, which does what was not proved. */
  readonly prover?: Prover
  readonly timers: Pick<Timers, 'soon'>
}
