/**
 * A history of the model on a real node, step by step, with the books compared after each.
 * @module
 */
import { expect } from 'vitest'
import { claimChannelsCall, claimStatementCall } from '../../ledger/evm/callData.ts'
import { algorithmByte, publicKeyOf, signDigest } from '../../protocol/keys.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import { keyOf, leafOf, START_SECONDS, statementOf } from '../unit/ledger/world.ts'
import type { Step } from './histories.ts'
import type { Model, Operation } from './model.ts'
import { type Escrow, FACTOR, hex, type Node } from './world.ts'

/** Signer 0 is the one that the escrow was opened with. */
const signerOf = (number: number) => keyOf(900 + number, number === 1 ? 'p256' : 'secp256k1')

/** Payers of every second position have P-256 keys. */
const deviceOf = (escrow: Escrow, position: number) =>
  escrow.device(position, position % 2 === 0 ? 'secp256k1' : 'p256')

const leavesOf = (escrow: Escrow, leaves: readonly bigint[]) =>
  leaves.flatMap((amount, position) =>
    amount === 0n ? [] : [{ position, channelId: deviceOf(escrow, position).channelId, amount }],
  )

/** Runs a history; every state of the contract is the model's. */
export async function chainHistory(
  node: Node,
  escrow: Escrow,
  history: readonly Step[],
): Promise<void> {
  const holders = [escrow.payee, escrow.gateway, escrow.owner]
  const start = await Promise.all(holders.map(escrow.tokens))
  const snapshots: unknown[] = []
  for (const { operation, before, after } of history) {
    if (operation.kind === 'reorganise') {
      if (operation.depth === 0) continue
      const kept = snapshots.splice(-operation.depth)[0]
      await node.rpc('evm_revert', [kept])
    } else {
      snapshots.push(await node.rpc('evm_snapshot', []))
      await node.rpc('evm_setNextBlockTimestamp', [after.nowSeconds])
      await act(node, escrow, operation, before)
    }
    const now = await Promise.all(holders.map(escrow.tokens))
    const moved = now.map((value, index) => (value - (start[index] ?? 0n)) / FACTOR)
    expect(await booksOf(escrow), operation.kind).toEqual(expected(after))
    expect(moved, operation.kind).toEqual([
      after.out.payee,
      after.out.gateway,
      after.out.owner - (after.deposited - (history[0]?.before.deposited ?? 0n)),
    ])
  }
}

async function booksOf(escrow: Escrow) {
  const { setAside, paid, evidencePaid, statementSequence, withdrawing, feeTaken } =
    await escrow.state()
  return { setAside, paid, evidencePaid, statementSequence, withdrawing, feeTaken }
}

function expected({ book, feeTaken }: Model) {
  const { setAside, paid, evidencePaid, statement, withdrawing } = book
  return {
    ...{ setAside, paid, evidencePaid, feeTaken },
    statementSequence: BigInt(statement?.sequence ?? 0),
    withdrawing: withdrawing[0]?.amount ?? 0n,
  }
}

/** One operation as a transaction; what the contract refuses fails and changes nothing. */
async function act(node: Node, escrow: Escrow, operation: Operation, before: Model) {
  const { owner, terms, run, address, gateway } = escrow
  switch (operation.kind) {
    case 'fund':
      return run(owner, 'fund', [terms, operation.amount])
    case 'claims':
      return node.send(gateway, address, claimsData(escrow, operation, before))
    case 'statement':
      return node.send(gateway, address, statementData(escrow, operation))
    case 'request':
      return run(owner, 'requestWithdrawal', [terms, operation.amount])
    case 'cancel':
      return run(owner, 'cancelWithdrawal', [terms])
    case 'withdraw':
      return run(owner, 'withdraw', [terms])
    case 'takeFee':
      return run(owner, 'takeFee', [terms])
    case 'rotate': {
      const key = publicKeyOf(signerOf(operation.signer))
      return run(owner, 'rotateSigner', [terms, algorithmByte(key.algorithm), hex(key.bytes)])
    }
    default:
      return node.rpc('evm_mine', [])
  }
}

function claimsData(
  escrow: Escrow,
  { claims, signer, mandates }: Extract<Operation, { kind: 'claims' }>,
  { leaves, book }: Model,
): string {
  const key = signerOf(signer)
  const shown = leavesOf(escrow, leaves)
  const built = claims.map(({ position, amount }) => {
    const device = deviceOf(escrow, position)
    const mandate = device.signMandate({ limit: 1n << 40n, claimUntil: 10_000_000_000 }, key)
    const leaf = book.statement ? { leaf: leafOf(shown, position) } : {}
    return device.commit({ base: amount, length: 1 }).claim(0, { mandate, ...leaf })
  })
  const context = {
    ...{ ...escrow.context, signerKey: publicKeyOf(key) },
    ...(mandates === 'previous signer' ? { signer: mandates } : {}),
  }
  return hex(claimChannelsCall(context, built))
}

function statementData(
  escrow: Escrow,
  { sequence, evidencePaid, leaves, signer }: Extract<Operation, { kind: 'statement' }>,
): string {
  const { domain, id, context } = escrow
  const changes = { sequence, evidencePaid, expiry: 10_000_000_000, issuedAt: START_SECONDS }
  const { statement } = statementOf(domain, id, leavesOf(escrow, leaves), changes)
  const key = signerOf(signer)
  const signature = signDigest(key, digestOf(domain, statementStructure, statement))
  return hex(claimStatementCall({ ...context, signerKey: publicKeyOf(key) }, statement, signature))
}
