/**
 * What a gateway asks of a ledger. Every ledger checks the evidence itself, so a faulty gateway
 * cannot claim more than a device signed for.
 * @module
 */
import type { Cancel } from '../ports/index.ts'
import type { Asset } from '../protocol/amount.ts'
import type { PublicKey } from '../protocol/keys.ts'
import type { Channel, Commitment, Mandate, Signed, Statement } from '../protocol/structures.ts'
import type { Domain } from '../protocol/typedData.ts'
import type { ClaimReason } from './rules/claimRules.ts'
import type { StatementReason } from './rules/statementRules.ts'

/** Per-channel evidence. It states a cumulative amount: `base + index * pricePerTick`. */
export type Claim = {
  readonly channel: Channel
  readonly mandate: Signed<Mandate>
  readonly commitment: Signed<Commitment>
  /** The tail: how far into the commitment `word` is; 0 shows a checkpoint's base. */
  readonly index: number
  /** w_index, 32 bytes. */
  readonly word: Uint8Array
  /** Needed where a statement is in force for the allocation; ignored where none is. */
  readonly leaf?: ClaimLeaf
}

/** What the statement in force says at the position of the claim's channel. */
export type ClaimLeaf = {
  /** Minor units; 0 for an empty leaf. */
  readonly amount: bigint
  /** 32 bytes. */
  readonly channelId: Uint8Array | 'empty'
  /** 20 siblings of 32 bytes, bottom up. */
  readonly path: readonly Uint8Array[]
}

/** What all channels of an allocation owe, signed by both sides. */
export type StatementSubmission = {
  readonly statement: Statement
  /** 64 bytes over the statement's digest, by the allocation's `gatewayKey`. */
  readonly gatewaySignature: Uint8Array
  /** 64 bytes over the same digest, by the allocation's `signerKey`. */
  readonly fleetSignature: Uint8Array
}

export type StatementResult = {
  /** `paid`: it is in force now, even where nothing was left to pay; `repeated`: it was before. */
  readonly status: ClaimStatus
  /** Present when, and only when, the statement was refused. */
  readonly reason?: StatementReason
  /** Minor units paid by this submission. */
  readonly paid: bigint
  /** Minor units paid for the allocation since it was opened, both ways; 0 when it is unknown. */
  readonly total: bigint
}

/**
 * `paid`: the difference was paid now. `repeated`: sound, and no more than is paid already.
 * `refused`: nothing was paid, see `reason`.
 */
export type ClaimStatus = 'paid' | 'repeated' | 'refused'

export type ClaimResult = {
  /** 32 bytes; empty when the claim is `malformed`. */
  readonly channelId: Uint8Array
  readonly status: ClaimStatus
  /** Present when, and only when, the claim was refused. */
  readonly reason?: ClaimReason
  /** Minor units paid by this submission. */
  readonly paid: bigint
  /**
   * Up to where the channel is settled, by evidence or by the statement in force; 0 when
   * `malformed`.
   */
  readonly cumulative: bigint
}

/** Money that was asked back and is no longer counted on for new reservations. */
export type Withdrawal = {
  readonly reference: string
  readonly amount: bigint
  /** Seconds since 1970. */
  readonly availableAtSeconds: number
}

/** What a fleet has set aside at a ledger for one gateway, payee and asset. */
export type AllocationState = {
  /** 32 bytes: the EIP-712 digest of the Allocation in the ledger's domain. */
  readonly id: Uint8Array
  readonly fleet: string
  readonly gateway: string
  /** 20 bytes. */
  readonly payee: Uint8Array
  readonly asset: Asset
  /** The gateway's share of what is paid. */
  readonly feeBasisPoints: number
  /** Signs the mandates. */
  readonly signerKey: PublicKey
  /** Moves deposits; absent where the operator acts for the fleet. */
  readonly ownerKey?: PublicKey
  /** Minor units put in and not withdrawn, since the allocation was opened. */
  readonly setAside: bigint
  /** Minor units paid for all channels, fee included, since the allocation was opened. */
  readonly paid: bigint
  /** The part of `paid` that was paid by evidence; a statement has to name it. */
  readonly evidencePaid: bigint
  /** Of the statement in force; 0 when there was none. */
  readonly statementSequence: number
  /** 32 bytes; of a tree without a leaf when there was none. */
  readonly statementRoot: Uint8Array
  /** First position beyond those of the statement in force. */
  readonly statementPositions: number
  /** Signs the statements; where it is absent none is taken. */
  readonly gatewayKey?: PublicKey
  /** The gateway's part of `paid`: the floor of its share. */
  readonly fee: bigint
  readonly withdrawing: readonly Withdrawal[]
  /** What new reservations may count on: `setAside - paid` less everything being withdrawn. */
  readonly available: bigint
  /** From a request to its money; no mandate may be claimable for longer. */
  readonly withdrawalNoticeSeconds: number
}

/** Something durable happened to an allocation. */
export type LedgerEvent = {
  readonly kind: 'opened' | 'funded' | 'paid' | 'withdrawal_requested' | 'withdrawn'
  readonly allocation: AllocationState
}

export type Ledger = {
  /** Bound into every digest, so that evidence for one ledger is worth nothing at another. */
  readonly domain: Domain
  /** Hash steps that the ledger follows in one claim; a commitment must not be longer. */
  readonly maxTail: number
  /**
   * Hash steps up to which evidence is cheap: devices with a longer tail are asked for a checkpoint
   * before they settle. Absent where steps cost nothing.
   */
  readonly cheapTail?: number
  /** The durable state, or undefined for an id that this ledger does not know. */
  readonly allocation: (id: Uint8Array) => Promise<AllocationState | undefined>
  /**
   * Pays, for every claim, what it proves beyond what its channel was paid before. Results are in
   * the order of `claims`; all are durable when the promise resolves, and none happened when it
   * rejects. The same claims under the same `key` get the same results without being checked
   * again, except those that were refused. The key makes repeats cheap, not safe: they are safe
   * without it.
   */
  readonly submit: (claims: readonly Claim[], key: string) => Promise<readonly ClaimResult[]>
  /**
   * Pays what a statement comes to beyond what is paid already, and puts it in force. Durable when
   * the promise resolves. The same statement again is `repeated`, whatever its `key`.
   */
  readonly submitStatement: (
    submission: StatementSubmission,
    key: string,
  ) => Promise<StatementResult>
  /** Calls `onEvent` after each durable change until cancelled. */
  readonly follow: (onEvent: (event: LedgerEvent) => void) => Cancel
}
