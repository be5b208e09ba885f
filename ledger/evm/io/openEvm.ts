/**
 * A ledger in a contract as configured, on the real network. Loaded only where one is configured.
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import type { Ports } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { parseHex, utf8ToBytes } from '../../../protocol/bytes.ts'
import type { Sha256 } from '../../../protocol/chain.ts'
import { keccak256 } from '../../../protocol/keccak.ts'
import type { PublicKey, Verify } from '../../../protocol/keys.ts'
import type { Account, ContractCodec } from '../chain.ts'
import { type EvmSettings, policyOf } from '../config.ts'
import { createEvmDesk } from '../desk.ts'
import type { ChainEvent } from '../entries.ts'
import { createEvmLedger } from '../evmLedger.ts'
import { logRanges } from '../logRanges.ts'
import { createNode, type Node } from '../node.ts'
import { createReader } from '../reader.ts'
import { createSender, reasonOf } from '../sender.ts'
import { hexOf } from '../states.ts'
import { readArtifact } from './localChain.ts'
import { openAccount, openCodec, openRpc } from './viem.ts'

export type OpenEvmOptions = {
  readonly settings: EvmSettings
  readonly ports: Ports
  readonly payee: Uint8Array
  readonly gatewayKey?: PublicKey
  readonly verify: Verify
  readonly sha256: Sha256
}

const ANSWER_TIMEOUT_MS = 20_000

/** @throws OperatorError when the node cannot be reached, or a key file cannot be read */
export async function openEvm(options: OpenEvmOptions) {
  const { settings, ports, payee, gatewayKey, verify, sha256 } = options
  const { rpc, secondRpc, contract, createdAt, pollMs, trial } = settings
  const node = createNode(await openRpc(rpc, ANSWER_TIMEOUT_MS))
  const second = secondRpc && createNode(await openRpc(secondRpc, ANSWER_TIMEOUT_MS))
  const chainId = await reached(node, rpc)
  const codec = await openCodec(readArtifact('contracts/TickpayEscrow.json').abi)
  const policy = policyOf(settings)
  const shared = { node, codec, createdAt, pollMs, policy, ...ports }
  const account = await accountOf(settings.keyFile)
  const signed = gatewayKey ? { gatewayKey } : {}
  const ledger = createEvmLedger({
    ...{ ...shared, ...signed, contract, chainId, account, verify, sha256 },
    ...(second ? { second } : {}),
    payouts: [payee],
  })
  const to = hexOf(contract)
  const { confirmations } = policy
  const reader = createReader({ node, codec, contract: to, createdAt, confirmations, ...signed })
  const desk = createEvmDesk({
    ...{ domain: ledger.domain, codec, reader },
    eventsOf: (id) => eventsOf(node, codec, to, createdAt, id),
    keccakText: (text) => hexOf(keccak256(utf8ToBytes(text))),
    owner: trial && {
      sender: createSender({
        ...{ ...shared, chainId: Number(chainId) },
        account: await accountOf(trial.ownerKeyFile),
      }),
      token: hexOf(trial.token),
      feeRecipient: hexOf(trial.feeRecipient),
    },
  })
  const allocation: typeof ledger.allocation = async (id) => {
    const state = await ledger.allocation(id)
    if (state) desk.watch(id)
    return state
  }
  const isSubmitter = async (): Promise<boolean> => {
    const data = codec.encode('isSubmitter', [hexOf(payee), account.address])
    return codec.decode('isSubmitter', await node.call({ to, data }, 'latest')) === true
  }
  const { address } = account
  return { ledger: { ...ledger, allocation }, desk, address, isSubmitter, close: ledger.close }
}

async function reached(node: Node, rpc: string): Promise<bigint> {
  try {
    return await node.chainId()
  } catch (error) {
    throw new OperatorError(`ledger evm: no node answers at ${rpc}: ${reasonOf(error)}`)
  }
}

/** Bits of a file's mode that let others than its owner read it. */
const OTHERS = 0o077

async function accountOf(path: string): Promise<Account> {
  const key = parseHex((await readText(path)).trim().replace(/^0x/, ''))
  if (key?.length !== 32) throw new OperatorError(`${path} holds no key: 64 hex digits are wanted`)
  return openAccount(key)
}

async function readText(path: string): Promise<string> {
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS) === 0) return await readFile(path, 'utf8')
  } catch (error) {
    throw new OperatorError(`cannot read the key file ${path}: ${reasonOf(error)}`)
  }
  throw new OperatorError(`others may read the key file ${path}: run chmod 600 ${path}`)
}

async function eventsOf(
  node: Node,
  codec: ContractCodec,
  contract: string,
  createdAt: number,
  id: Uint8Array,
): Promise<readonly ChainEvent[]> {
  const head = (await node.block('latest'))?.number ?? 0
  const found: ChainEvent[] = []
  const ask = (from: number, to: number) => node.logs(contract, [null, hexOf(id)], from, to)
  for await (const { logs } of logRanges(ask, createdAt, head)) {
    for (const log of logs) {
      const event = codec.event(log)
      if (!event) continue
      found.push({ ...event, transaction: log.transaction ?? '', block: log.block ?? 0 })
    }
  }
  return found
}
