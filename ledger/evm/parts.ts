/**
 * What bringing claims and statements to the contract has in common.
 * @module
 */
import type { Clock, Log, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { PublicKey, Verify } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { Account, ContractCodec } from './chain.ts'
import type { Node, Receipt } from './node.ts'
import type { Known, Reader } from './reader.ts'
import type { Ending, Sender } from './sender.ts'
import { hexOf } from './states.ts'
import type { SendPolicy } from './transactionRules.ts'

export type EvmLedgerOptions = {
  readonly node: Node
  /** Another operator's node. */
  readonly second?: Node
  readonly codec: ContractCodec
  /** Sends the transactions: the payee, or a submitter that the payee named. */
  readonly account: Account
  /** 20 bytes. */
  readonly contract: Uint8Array
  readonly chainId: bigint
  /** Block in which the contract was created. */
  readonly createdAt: number
  /** Payees of 20 bytes; nothing is submitted for another. */
  readonly payouts: readonly Uint8Array[]
  readonly gatewayKey?: PublicKey
  readonly policy: SendPolicy
  readonly pollMs: number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
  readonly verify: Verify
  readonly sha256: Sha256
}

export type Parts = EvmLedgerOptions & {
  readonly domain: Domain
  readonly to: string
  readonly reader: Reader
  readonly sender: Sender
  readonly errorText: (error: unknown) => string
}

/** What the contract itself said in an error, however deep it is wrapped. */
export function refusalIn(codec: ContractCodec, error: unknown): string | undefined {
  for (let one = error; one instanceof Object; one = (one as { cause?: unknown }).cause) {
    const { data } = one as { data?: unknown }
    if (typeof data === 'string' && data !== '0x') return codec.refusal(data)
  }
  return undefined
}

/** The allocation, once it is certain that it may be settled. */
async function mayStart(parts: Parts, id: Uint8Array): Promise<Known | undefined> {
  const known = await parts.reader.read(id)
  if (!known) return undefined
  const { payee } = known.state
  if (!parts.payouts.some((one) => equalBytes(one, payee))) {
    throw new OperatorError(
      `ledger evm: ${hexOf(payee)} is not on the list of payouts; nothing is submitted for it`,
    )
  }
  const difference = await parts.reader.compare(id)
  if (difference !== undefined) {
    parts.log('error', 'ledger evm: two nodes disagree', { difference })
    throw new OperatorError(`ledger evm: two nodes disagree, nothing is settled: ${difference}`)
  }
  return known
}

const notInTime =
  'ledger evm: the chain did not take a transaction in time; it is tried again later (see the ' +
  'fee cap and the balance of the account)'

export const callFrom = (from: string, to: string, data: string, gas: bigint) => ({
  ...{ from, to, data },
  gas: `0x${gas.toString(16)}`,
})

/** Undefined where somebody else used the nonce. */
export async function finalReceipt(
  parts: Parts,
  data: string,
  gas: bigint,
): Promise<Receipt | undefined> {
  const ending: Ending = await parts.sender.send({ to: parts.to, data, gas })
  if (ending.ending === 'final') return ending.receipt
  if (ending.ending === 'foreign') return undefined
  throw new OperatorError(notInTime)
}

export function eventIn({ codec }: Parts, { logs }: Receipt, name: string) {
  return logs.map((log) => codec.event(log)).find((event) => event?.name === name)?.values
}

export const contextOf = ({ domain }: Parts, { opened, state }: Known) => ({
  domain,
  allocation: opened.allocation,
  signerKey: state.signerKey,
})

/** Tries until something came of it, from poll to poll, for as long as the policy says. */
export async function untilSettled<T>(
  parts: Parts,
  allocation: Uint8Array,
  attempt: (known: Known | undefined) => Promise<T | undefined>,
): Promise<T> {
  const { clock, policy } = parts
  const endMs = clock.monotonicMs() + policy.deadlineMs
  for (;;) {
    const result = await attempt(await mayStart(parts, allocation))
    if (result !== undefined) return result
    if (clock.monotonicMs() >= endMs) throw new OperatorError(notInTime)
    await nextPoll(parts)
  }
}

/** Until the node is asked again. */
const nextPoll = ({ timers, pollMs }: Parts): Promise<void> =>
  new Promise((resolve) => {
    timers.after(pollMs, resolve)
  })
