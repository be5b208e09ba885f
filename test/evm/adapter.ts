/**
 * The adapter on a test's node. Time goes on one poll after the other, and with each a block.
 * @module
 */

import type { Rpc } from '../../ledger/evm/chain.ts'
import { createEvmLedger, type EvmLedgerOptions } from '../../ledger/evm/evmLedger.ts'
import { readArtifact } from '../../ledger/evm/io/localChain.ts'
import { openAccount, openCodec } from '../../ledger/evm/io/viem.ts'
import { createNode } from '../../ledger/evm/node.ts'
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import type { Timers } from '../../ports/index.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { gatewayKey, START_SECONDS } from '../unit/ledger/world.ts'

/** Account 2 of anvil's published mnemonic: the gateway of the escrow. */
export const GATEWAY_KEY = '5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'

export type Adapter = Awaited<ReturnType<typeof openAdapter>>

/** Where the contract is, and who is paid. */
export type AdapterSite = {
  readonly node: { readonly rpc: Rpc }
  readonly domain: Domain
  readonly allocation: { readonly payee: Uint8Array }
}

export type AdapterOptions = Partial<
  Pick<EvmLedgerOptions, 'payouts' | 'second'> & {
    readonly policy: Partial<EvmLedgerOptions['policy']>
    /** Stands between the adapter and the node. */
    readonly between: (rpc: Rpc) => Rpc
    /** What happens at a poll, beside the next block. */
    readonly onPoll: (polls: number) => Promise<void> | void
    /** The gateway's clock: seconds after the devices' own. */
    readonly laterSeconds: number
    readonly mining: 'a block at each poll' | 'none'
  }
>

export async function openAdapter(escrow: AdapterSite, options: AdapterOptions = {}) {
  const { between = (rpc) => rpc, onPoll, mining = 'a block at each poll' } = options
  const nowMs = (START_SECONDS + (options.laterSeconds ?? 0)) * 1_000
  const rpc = between(escrow.node.rpc)
  let polls = 0
  const lines: string[] = []
  const repeating = new Set<() => void>()
  const poll = async () => {
    polls += 1
    if (mining !== 'none') await escrow.node.rpc('evm_mine', [])
    await onPoll?.(polls)
  }
  const timers: Timers = {
    after: (_, run) => {
      poll().then(run, run)
      return () => undefined
    },
    every: (_, run) => {
      repeating.add(run)
      return () => repeating.delete(run)
    },
    soon: (run) => queueMicrotask(run),
  }
  const ledger = createEvmLedger({
    node: createNode(rpc),
    codec: await openCodec(readArtifact('contracts/TickpayEscrow.json').abi),
    account: await openAccount(new Uint8Array(Buffer.from(GATEWAY_KEY, 'hex'))),
    contract: escrow.domain.verifyingContract,
    chainId: escrow.domain.chainId,
    createdAt: 0,
    payouts: options.payouts ?? [escrow.allocation.payee],
    ...(options.second ? { second: options.second } : {}),
    gatewayKey: publicKeyOf(gatewayKey),
    policy: {
      feePerGasMax: 100_000_000_000n,
      priorityFeePerGas: 1_000_000_000n,
      replaceAfterMs: 5_000,
      deadlineMs: 60_000,
      confirmations: 3,
      ...options.policy,
    },
    pollMs: 1_000,
    clock: { nowMs: () => nowMs, monotonicMs: () => polls * 1_000 },
    timers,
    log: (level, message) => lines.push(`${level} ${message}`),
    verify: fastVerify,
    sha256: fastSha256,
  })
  const tick = () => {
    for (const run of repeating) run()
  }
  return { ledger, lines, polls: () => polls, tick }
}
