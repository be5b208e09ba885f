/**
 * A chain for demonstrations, benchmarks and tests, with accounts that it signs for itself.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { ContractCodec, RawLog, Rpc } from '../chain.ts'
import { type Hardfork, startAnvil } from './anvil.ts'
import { openCodec, openRpc } from './viem.ts'

export type Artifact = { readonly abi: readonly unknown[]; readonly bytecode: string }

/** What a contract compiled to; `path` is from the project's folder. */
export function readArtifact(path: string): Artifact {
  // From the sources and from dist/, which is one folder deeper.
  const places = ['../../../', '../../../../'].map((up) => new URL(up + path, import.meta.url))
  const found = places.map((place) => fileURLToPath(place)).find((place) => existsSync(place))
  if (found === undefined) throw new OperatorError(`ledger evm: ${path} is missing`)
  return JSON.parse(readFileSync(found, 'utf8')) as Artifact
}

export type LocalReceipt = {
  readonly status: string
  readonly gasUsed: string
  readonly blockNumber: string
  readonly contractAddress: string
  readonly transactionHash: string
  readonly logs: readonly RawLog[]
}

export type LocalChain = {
  readonly rpc: Rpc
  readonly rpcUrl: string
  readonly accounts: readonly string[]
  /** Resolves when it is mined, also when it failed. */
  readonly send: (
    from: string,
    to: string | undefined,
    data: string,
    value?: bigint,
  ) => Promise<LocalReceipt>
  readonly deploy: (
    path: string,
    words?: string,
  ) => Promise<{ readonly address: string; readonly codec: ContractCodec }>
  readonly stop: () => Promise<void>
}

/** The limit of a transaction since EIP-7825. */
export const GAS_MAX = 16_777_216n
const GAS_PRICE = '0x3b9aca00'
const ANSWER_TIMEOUT_MS = 30_000
/** The node mines at once, but answers before. */
const RECEIPT_QUESTIONS_MAX = 5_000

/** Starts a chain whose clock begins at `startSeconds`. */
export async function startLocalChain(
  hardfork: Hardfork,
  startSeconds: number,
): Promise<LocalChain> {
  const anvil = await startAnvil(hardfork, ['--timestamp', String(startSeconds)])
  const rpc = await openRpc(anvil.rpcUrl, ANSWER_TIMEOUT_MS)
  const accounts = (await rpc('eth_accounts', [])) as string[]
  const send: LocalChain['send'] = async (from, to, data, value = 0n) => {
    const call = {
      ...{ from, data, gasPrice: GAS_PRICE },
      ...(to === undefined ? {} : { to }),
      value: `0x${value.toString(16)}`,
      gas: `0x${GAS_MAX.toString(16)}`,
    }
    return receiptOf(rpc, String(await rpc('eth_sendTransaction', [call])))
  }
  const deploy: LocalChain['deploy'] = async (path, words = '') => {
    const { abi, bytecode } = readArtifact(path)
    const receipt = await send(accounts[0] ?? '', undefined, bytecode + words)
    return { address: receipt.contractAddress, codec: await openCodec(abi) }
  }
  return { rpc, rpcUrl: anvil.rpcUrl, accounts, send, deploy, stop: anvil.stop }
}

async function receiptOf(rpc: Rpc, hash: string): Promise<LocalReceipt> {
  for (let asked = 0; asked < RECEIPT_QUESTIONS_MAX; asked++) {
    const receipt = (await rpc('eth_getTransactionReceipt', [hash])) as LocalReceipt | null
    if (receipt) return receipt
  }
  throw new Error(`no receipt of ${hash}`)
}
