/**
 * The ledger that is an escrow contract. The contract checks every claim itself; here is what it
 * takes to bring claims to a chain that may be slow, dear, rearranged or lied about. Nothing is
 * kept on disk: what is paid is asked of the chain, and showing the same again is safe.
 * @module
 */
import type { Domain } from '../../protocol/typedData.ts'
import type { Ledger } from '../ledger.ts'
import { CHEAP_TAIL_TICKS, TAIL_TICKS_MAX } from './evidence.ts'
import { createFollower } from './follow.ts'
import { type EvmLedgerOptions, type Parts, refusalIn } from './parts.ts'
import { createReader } from './reader.ts'
import { createSender, reasonOf } from './sender.ts'
import { hexOf } from './states.ts'
import { submitClaims } from './submitClaims.ts'
import { submitStatement } from './submitStatement.ts'

export type { EvmLedgerOptions } from './parts.ts'

export type EvmLedger = Ledger & {
  /** Stops following; a transaction under way is left to the chain. */
  readonly close: () => void
  /** First position that the allocation, when it was last asked for, had not used. */
  readonly firstPosition: (id: Uint8Array) => number
}

export function createEvmLedger(options: EvmLedgerOptions): EvmLedger {
  const { node, second, codec, contract, chainId, createdAt, policy, gatewayKey } = options
  const domain: Domain = { chainId, verifyingContract: contract }
  const to = hexOf(contract)
  const reader = createReader({
    ...{ node, codec, contract: to, createdAt, confirmations: policy.confirmations },
    ...(second ? { second } : {}),
    ...(gatewayKey ? { gatewayKey } : {}),
  })
  const sender = createSender({ ...options, chainId: Number(chainId) })
  const errorText = (error: unknown) => refusalIn(codec, error) ?? reasonOf(error)
  const parts: Parts = { ...options, domain, to, reader, sender, errorText }
  const follower = createFollower(parts)
  const firstPositions = new Map<string, number>()
  return {
    domain,
    maxTail: TAIL_TICKS_MAX,
    cheapTail: CHEAP_TAIL_TICKS,
    allocation: async (id) => {
      const known = await reader.read(id)
      if (!known) return undefined
      follower.watch(id, known.state)
      firstPositions.set(hexOf(id), known.firstPosition)
      return known.state
    },
    submit: (claims) => submitClaims(parts, claims),
    submitStatement: (submission) => submitStatement(parts, submission),
    follow: follower.follow,
    close: follower.close,
    firstPosition: (id) => firstPositions.get(hexOf(id)) ?? 0,
  }
}
