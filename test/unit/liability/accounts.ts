/**
 * Who has lost what: what flowed and was signed for, against what a ledger has paid.
 * @module
 */

import type { Claim, StatementSubmission } from '../../../ledger/ledger.ts'
import type { ClaimReason } from '../../../ledger/rules/claimRules.ts'
import { present } from '../../../protocol/assert.ts'
import { fundedWorld } from '../ledger/world.ts'

export type Losses = {
  /** Minor units that the fleet paid beyond what its devices used. */
  readonly fleet: bigint
  /** Minor units of service that the payee was not paid for. */
  readonly payee: bigint
}

export const nobody: Losses = { fleet: 0n, payee: 0n }

/** A ledger, and what the devices of its fleet have really used. */
export async function liabilityWorld(funds?: bigint) {
  const world = await fundedWorld(funds)
  const { ledger, allocation } = world
  let submissions = 0
  const paid = async () => present(await ledger.allocation(allocation.id), 'it is known').paid
  return {
    ...world,
    paid,
    /** Shows claims; answers why each was refused, or undefined. */
    show: async (...claims: readonly Claim[]): Promise<(ClaimReason | undefined)[]> => {
      const results = await ledger.submit(claims, `submission-${submissions++}`)
      return results.map(({ reason }) => reason)
    },
    state: async (submission: StatementSubmission) =>
      (await ledger.submitStatement(submission, `submission-${submissions++}`)).reason,
    /** @param used minor units that the devices used, at the agreed price */
    losses: async (used: bigint): Promise<Losses> => {
      const total = await paid()
      const beyond = total - used
      return { fleet: beyond > 0n ? beyond : 0n, payee: beyond < 0n ? -beyond : 0n }
    },
  }
}
