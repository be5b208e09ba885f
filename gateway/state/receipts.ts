/**
 * Receipts as the gateway's state knows them: the newest root that was signed, with all that it is
 * over, so that what a crash left unsent is made again to the byte.
 * @module
 */
import type { ReceiptRoot, Signed } from '../../protocol/structures.ts'

/** A root with its receipts, as `gateway/receipts/packed.ts` makes them. */
export type IssuedReceipts = {
  readonly root: Signed<ReceiptRoot>
  readonly items: Uint8Array
  readonly tariffs: Uint8Array
}

export type IssuedState = {
  /** Undefined before the first. */
  newest: IssuedReceipts | undefined
}
