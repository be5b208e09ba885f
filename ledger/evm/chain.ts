/**
 * What the adapter asks of a chain: raw calls of one node, the contract's own codec, and a key that
 * signs transactions. The only implementation with a library is ledger/evm/io/viem.ts.
 * @module
 */

/** A JSON-RPC method of a node; rejects when it cannot be asked or answers an error. */
export type Rpc = (method: string, params: readonly unknown[]) => Promise<unknown>

/** Names and values of one event or one answer, as the contract's ABI has them. */
export type Values = Readonly<Record<string, unknown>>

/** A contract's functions, answers and events, by its ABI. */
export type ContractCodec = {
  readonly encode: (name: string, values: readonly unknown[]) => string
  readonly decode: (name: string, data: string) => unknown
  /** Undefined for a log of another contract. */
  readonly event: (log: RawLog) => { readonly name: string; readonly values: Values } | undefined
  /** What a log of this event begins with. */
  readonly topic: (name: string) => string
  /** Why a call was refused, as the contract says it; undefined where it says nothing. */
  readonly refusal: (data: string) => string | undefined
}

export type RawLog = {
  readonly topics: readonly string[]
  readonly data: string
  /** Where it was found. */
  readonly transaction?: string
  readonly block?: number
}

/** An EIP-1559 transaction before it is signed. */
export type Unsent = {
  readonly chainId: number
  readonly nonce: number
  readonly to?: string
  readonly data: string
  readonly value: bigint
  readonly gas: bigint
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
}

export type Account = {
  /** `0x` and 40 digits in lower case. */
  readonly address: string
  /** The raw transaction and its hash. */
  readonly sign: (unsent: Unsent) => Promise<{ readonly raw: string; readonly hash: string }>
}
