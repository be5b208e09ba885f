/**
 * One node's answers as values. What a node says is checked for its form only; whether it is true
 * is for confirmations and a second source.
 * @module
 */
import type { RawLog, Rpc } from './chain.ts'
import type { Block } from './headRules.ts'

export type Receipt = {
  readonly block: number
  readonly succeeded: boolean
  readonly logs: readonly RawLog[]
}

/** A block by number, by hash, or the newest. */
export type BlockTag = number | 'latest'

export type Node = {
  readonly rpc: Rpc
  readonly chainId: () => Promise<bigint>
  /** Undefined for a block that the node does not have. */
  readonly block: (
    tag: BlockTag,
  ) => Promise<(Block & { readonly baseFeePerGas: bigint }) | undefined>
  readonly receipt: (hash: string) => Promise<Receipt | undefined>
  /** Transactions of an account that are in blocks. */
  readonly nonce: (address: string) => Promise<number>
  /** The answer of a call that changes nothing; rejects where the contract refuses. */
  readonly call: (call: Call, tag: BlockTag) => Promise<string>
  readonly logs: (
    address: string,
    topics: readonly (string | null)[],
    from: number,
    to: number,
  ) => Promise<readonly RawLog[]>
  readonly send: (raw: string) => Promise<void>
}

export type Call = { readonly from?: string; readonly to: string; readonly data: string }

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

const tagOf = (tag: BlockTag) => (tag === 'latest' ? tag : `0x${tag.toString(16)}`)

export class NodeError extends Error {}

function textAt(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new NodeError(`a node's answer has no ${name}`)
  return value
}

const numberAt = (fields: Fields, name: string): number => Number(BigInt(textAt(fields, name)))

export function createNode(rpc: Rpc): Node {
  return {
    rpc,
    chainId: async () => BigInt(String(await rpc('eth_chainId', []))),
    block: async (tag) => blockOf(await rpc('eth_getBlockByNumber', [tagOf(tag), false])),
    receipt: async (hash) => receiptOf(await rpc('eth_getTransactionReceipt', [hash])),
    nonce: async (address) =>
      Number(BigInt(String(await rpc('eth_getTransactionCount', [address, 'latest'])))),
    call: async (call, tag) => String(await rpc('eth_call', [call, tagOf(tag)])),
    logs: async (address, topics, from, to) => {
      const filter = { address, topics, fromBlock: tagOf(from), toBlock: tagOf(to) }
      const found = await rpc('eth_getLogs', [filter])
      return Array.isArray(found) ? found.map(logOf) : []
    },
    send: async (raw) => {
      await rpc('eth_sendRawTransaction', [raw])
    },
  }
}

function blockOf(value: unknown) {
  if (!isFields(value)) return undefined
  return {
    number: numberAt(value, 'number'),
    hash: textAt(value, 'hash'),
    parent: textAt(value, 'parentHash'),
    baseFeePerGas: BigInt(textAt(value, 'baseFeePerGas')),
  }
}

function receiptOf(value: unknown): Receipt | undefined {
  if (!isFields(value)) return undefined
  const logs = value['logs']
  return {
    block: numberAt(value, 'blockNumber'),
    succeeded: textAt(value, 'status') === '0x1',
    logs: Array.isArray(logs) ? logs.map(logOf) : [],
  }
}

function logOf(value: unknown): RawLog {
  if (!isFields(value)) throw new NodeError('a log of a node is none')
  const topics = value['topics']
  return {
    topics: Array.isArray(topics) ? topics.map(String) : [],
    data: textAt(value, 'data'),
    transaction: textAt(value, 'transactionHash'),
    block: numberAt(value, 'blockNumber'),
  }
}
