/**
 * Brings one transaction after the other to its end, as the rules decide. One at a time: the next
 * one's evidence is worth what the one before has left.
 * @module
 */
import type { Clock, Log, Timers } from '../../ports/index.ts'
import type { Account } from './chain.ts'
import type { Node, Receipt } from './node.ts'
import {
  type Attempt,
  type Decision,
  decide,
  type Fees,
  isLate,
  type Seen,
  type SendPolicy,
  type Sent,
} from './transactionRules.ts'

export type Call = { readonly to: string; readonly data: string; readonly gas: bigint }

export type SenderOptions = {
  readonly node: Node
  readonly account: Account
  readonly chainId: number
  readonly policy: SendPolicy
  readonly pollMs: number
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** The transaction is final in a block, or the chain never took it. */
export type Ending =
  | { readonly ending: 'final'; readonly receipt: Receipt }
  /** Nobody knows: an attempt may still be mined. What it does is safe to do again. */
  | { readonly ending: 'given_up' }
  /** Another process used the nonce: look at what is paid now, then begin anew. */
  | { readonly ending: 'foreign' }

export type Sender = { readonly send: (call: Call) => Promise<Ending> }

export function createSender(options: SenderOptions): Sender {
  let last: Promise<unknown> = Promise.resolve()
  return {
    send: (call) => {
      const mine = last.then(() => bring(options, call))
      last = mine.catch(() => undefined)
      return mine
    },
  }
}

async function bring(options: SenderOptions, call: Call): Promise<Ending> {
  const { node, account, clock, policy, log } = options
  const startedAtMs = clock.monotonicMs()
  let sent: Sent = { nonce: await node.nonce(account.address), startedAtMs, attempts: [] }
  let hasWarned = false
  for (;;) {
    const seen = await look(options, sent)
    const decision: Decision = seen ? decide(policy, sent, seen) : unheard(options, sent)
    if (seen && !hasWarned && isLate(policy, sent, seen)) {
      hasWarned = true
      log('warn', 'ledger evm: a transaction waits for half of its time', { nonce: sent.nonce })
    }
    if (decision.action === 'final') {
      const receipt = await node.receipt(decision.hash)
      if (receipt) return { ending: 'final', receipt }
    }
    if (decision.action === 'foreign') return { ending: 'foreign' }
    if (decision.action === 'give_up') return { ending: 'given_up' }
    if (decision.action === 'send') sent = await attempt(options, sent, call, decision.fees)
    await pause(options)
  }
}

/** A node that answers nothing is waited for like a transaction that is not mined. */
function unheard({ clock, policy }: SenderOptions, sent: Sent): Decision {
  const isOver = clock.monotonicMs() - sent.startedAtMs >= policy.deadlineMs
  return isOver ? { action: 'give_up' } : { action: 'wait', stage: 'pending' }
}

async function look(options: SenderOptions, sent: Sent): Promise<Seen | undefined> {
  const { node, account, clock, log } = options
  try {
    // The nonce first: a receipt that appears later is then never taken for a foreign one.
    const nonceNext = await node.nonce(account.address)
    const mined = await minedOf(node, sent.attempts)
    const head = await node.block('latest')
    if (!head) return undefined
    const { number, baseFeePerGas } = head
    return { nowMs: clock.monotonicMs(), head: number, baseFeePerGas, nonceNext, mined }
  } catch (error) {
    log('warn', 'ledger evm: the node did not answer', { reason: reasonOf(error) })
    return undefined
  }
}

async function minedOf(node: Node, attempts: readonly Attempt[]): Promise<Seen['mined']> {
  for (const { hash } of attempts) {
    const receipt = await node.receipt(hash)
    if (receipt) return { hash, block: receipt.block, succeeded: receipt.succeeded }
  }
  return undefined
}

/** What is refused here (underpriced, known already) is tried again later with more. */
async function attempt(
  { node, account, chainId, clock, log }: SenderOptions,
  sent: Sent,
  { to, data, gas }: Call,
  fees: Fees,
): Promise<Sent> {
  const unsent = { chainId, nonce: sent.nonce, to, data, gas, value: 0n, ...fees }
  const { raw, hash } = await account.sign(unsent)
  const sentAtMs = clock.monotonicMs()
  try {
    await node.send(raw)
  } catch (error) {
    log('warn', 'ledger evm: the node did not take a transaction', { reason: reasonOf(error) })
  }
  const others = sent.attempts.filter((one) => one.hash !== hash)
  return { ...sent, attempts: [...others, { hash, fees, sentAtMs }] }
}

/** The first line of what a node or a library said. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''

const pause = ({ timers, pollMs }: SenderOptions): Promise<void> =>
  new Promise((resolve) => {
    timers.after(pollMs, resolve)
  })
