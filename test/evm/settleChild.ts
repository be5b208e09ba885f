/**
 * A gateway's settlement on a chain in a process of its own, which kills itself at one step.
 * @module
 */
import { openRpc } from '../../ledger/evm/io/viem.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { die, obeyOnce } from '../ledger/orders.ts'
import type { SettleJob } from '../ledger/settleJob.ts'
import { settleOnChain } from './settleOnChain.ts'

/** Bytes in hex, because an order is JSON. */
export type ChildOrder = {
  readonly rpcUrl: string
  readonly contract: string
  readonly payee: string
  readonly allocation: string
  readonly job: SettleJob
  readonly step: string
}

const ANSWER_TIMEOUT_MS = 20_000
const bytes = (hex: string) => parseHex(hex) ?? new Uint8Array()

async function obey(order: ChildOrder): Promise<never> {
  const { rpcUrl, contract, payee, allocation, job, step } = order
  const site = {
    node: { rpc: await openRpc(rpcUrl, ANSWER_TIMEOUT_MS) },
    domain: { chainId: 31_337n, verifyingContract: bytes(contract) },
    allocation: { payee: bytes(payee) },
  }
  await settleOnChain(site, bytes(allocation), job, async (now) => {
    if (now === step) await die(step)
  })
  throw new Error(`step "${step}" never came`)
}

obeyOnce(obey)
