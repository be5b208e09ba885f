/**
 * The steps of a settlement on a chain, one for each moment at which everything may end: before
 * each question to the node, while the transaction is under way, before each block, and at the end.
 * @module
 */
import type { Rpc } from '../../ledger/evm/chain.ts'

/** Answers when it goes on; it may never do so. */
export type AtStep = (step: string) => Promise<void> | void

/** What a settlement asks of the node, in order, with a block at each poll. */
const questions = [
  ...['call 1', 'newest 1', 'call 2', 'newest 2', 'events 1', 'call 3'],
  ...['nonce 1', 'nonce 2', 'newest 3', 'send 1', 'block 1'],
  ...['nonce 3', 'receipt 1', 'newest 4', 'block 2'],
  ...['nonce 4', 'receipt 2', 'newest 5', 'receipt 3'],
]

/** All steps of a submission that pays, of claims and of a statement alike. */
export const settlementSteps = [
  ...questions.flatMap((one) =>
    one === 'send 1' ? ['before send 1', 'during send 1'] : [`before ${one}`],
  ),
  'after all',
]

/**
 * Where settlements are killed: nothing, or nothing but questions, lies between two of these. In
 * order: nothing known, everything read, tried, ready to send, sending, in no block, in a block,
 * seen in a block, final, and answered.
 */
export const killSteps = [
  ...['before call 1', 'before call 3', 'before nonce 1', 'before send 1', 'during send 1'],
  ...['before block 1', 'before nonce 3', 'before block 2', 'before receipt 3', 'after all'],
]

const names: Readonly<Record<string, string>> = {
  eth_getTransactionCount: 'nonce',
  eth_getTransactionReceipt: 'receipt',
  eth_sendRawTransaction: 'send',
  eth_getBlockByNumber: 'newest',
  eth_getLogs: 'events',
  eth_call: 'call',
  evm_mine: 'block',
}

/** `rpc` that calls `atStep` at each step; questions are numbered by their kind. */
export function withSteps(rpc: Rpc, atStep: AtStep): Rpc {
  const asked = new Map<string, number>()
  return async (method, params) => {
    const kind = names[method] ?? method
    const count = (asked.get(kind) ?? 0) + 1
    asked.set(kind, count)
    // How many ranges of events there are depends on how long the chain is.
    if (kind === 'events' && count > 1) return rpc(method, params)
    await atStep(`before ${kind} ${count}`)
    const answer = rpc(method, params)
    answer.catch(() => {})
    if (kind === 'send') await atStep(`during ${kind} ${count}`)
    return answer
  }
}
