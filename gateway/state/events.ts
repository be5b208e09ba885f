/**
 * Every change of the gateway's state as a value. State is the fold of its events and moves.
 * @module
 */
import type { Channel, Commitment, Mandate, Signed, Statement } from '../../protocol/structures.ts'
import type { Order } from './orders.ts'
import type { IssuedReceipts } from './receipts.ts'
import type { StatementOutcome } from './statements.ts'

/** What is handed to the ledger for one channel: its state when the settlement was formed. */
export type SettlementItem = {
  readonly channel: number
  readonly epoch: number
  readonly index: number
  readonly word: Uint8Array
}

/** What the ledger answered for one channel. */
export type SettledItem = {
  readonly channel: number
  /** Cumulative amount that the ledger has paid for this channel. */
  readonly paid: bigint
  /** Why the ledger refused this item; it stays out of settlements until the channel moves. */
  readonly refused: string | undefined
}

export type GatewayEvent =
  | { readonly kind: 'life'; readonly life: Uint8Array }
  | {
      readonly kind: 'fleet'
      readonly fleet: string
      readonly signerKey: Uint8Array
      readonly ownerKey: Uint8Array | undefined
      readonly allocation: Uint8Array
    }
  | {
      readonly kind: 'device'
      readonly fleet: string
      readonly device: string
      readonly key: Uint8Array
    }
  /** This key opens nothing any more, for no device. */
  | {
      readonly kind: 'revoked'
      readonly fleet: string
      readonly device: string
      readonly key: Uint8Array
    }
  | {
      readonly kind: 'channel'
      readonly fleet: string
      readonly device: string
      readonly slot: number
      readonly unit: string
      readonly channel: Channel
    }
  | {
      readonly kind: 'mandate'
      readonly channel: number
      readonly mandate: Signed<Mandate>
      /** An earlier mandate that proves what this one does not; kept as evidence. */
      readonly cover: Signed<Mandate> | undefined
    }
  | {
      readonly kind: 'commitment'
      readonly channel: number
      readonly commitment: Signed<Commitment>
      readonly creditTicks: number
    }
  | { readonly kind: 'closed'; readonly channel: number }
  | { readonly kind: 'paused'; readonly channel: number; readonly paused: boolean }
  /** A device has seen state of this life that the store has lost. */
  | { readonly kind: 'fence'; readonly life: Uint8Array }
  /** The claim window passed: what was reserved for words to come is free again. */
  | { readonly kind: 'lapsed'; readonly channel: number }
  | {
      readonly kind: 'submitted'
      readonly key: Uint8Array
      readonly items: readonly SettlementItem[]
    }
  | {
      readonly kind: 'settled'
      readonly key: Uint8Array
      readonly items: readonly SettledItem[]
    }
  /** Signed by the gateway, before anybody sees it; `leaves` as `packLeaves` makes them. */
  | {
      readonly kind: 'stated'
      readonly statement: Signed<Statement>
      readonly leaves: Uint8Array
    }
  | {
      readonly kind: 'cosigned'
      readonly allocation: Uint8Array
      readonly signature: Uint8Array
    }
  | {
      readonly kind: 'statement_ended'
      readonly allocation: Uint8Array
      readonly outcome: StatementOutcome
    }
  /** The ledger goes by another statement than the books; `takenBack`: it has paid less, too. */
  | { readonly kind: 'unstated'; readonly allocation: Uint8Array; readonly takenBack: boolean }
  /** What the ledger goes by, in parts; the last one names the statement. */
  | {
      readonly kind: 'restated'
      readonly allocation: Uint8Array
      readonly leaves: Uint8Array
      /** Leaves of channels that this store has lost, as `packStrangers` makes them. */
      readonly strangers: Uint8Array
      readonly statement: Statement | undefined
    }
  /** A root of receipts, before anybody sees it. */
  | ({ readonly kind: 'receipted' } & IssuedReceipts)
  | { readonly kind: 'order'; readonly order: Order }
  | {
      readonly kind: 'credential'
      readonly fleet: string
      readonly name: string
      /** JSON of the hashed credential; empty when it is revoked. */
      readonly record: string
    }
