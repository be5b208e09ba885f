/**
 * Settlements on a chain that are killed between every two steps, by SIGKILL to a process of its
 * own. Whatever happened, there is exactly one payment afterwards, and the books are the chain's.
 * `npm run ledger-faults -- --ledger evm --kills 600` kills more often.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesToHex } from '../../protocol/bytes.ts'
import { killers, PER_KILL_MS, roundsOf, tellKills } from '../ledger/killing.ts'
import {
  AMOUNT_PER_JOB,
  CLAIMS_PER_JOB,
  type SettleJob,
  type SettleKind,
} from '../ledger/settleJob.ts'
import type { ChildOrder } from './settleChild.ts'
import { settleOnChain } from './settleOnChain.ts'
import { killSteps, settlementSteps } from './steps.ts'
import {
  claimed,
  type Escrow,
  FACTOR,
  hasAnvil,
  type Node,
  openEscrow,
  startNode,
} from './world.ts'

const kinds = ['claims', 'statement'] as const
const rounds = roundsOf(kinds.length * killSteps.length)
const killer = killers<ChildOrder>('test/evm/settleChild.ts', 'bundle')

let node: Node
beforeAll(async () => {
  if (hasAnvil) node = await startNode()
})
afterAll(() => node?.stop())

/** Blocks come only when somebody polls: a transaction may wait in no block. */
async function openSite(): Promise<Escrow> {
  await node.rpc('evm_setAutomine', [true])
  const escrow = await openEscrow(node, { signerAlgorithm: 'p256', feeBasisPoints: 130 })
  await node.rpc('evm_setAutomine', [false])
  return escrow
}

const orderOf = (escrow: Escrow, job: SettleJob, step: string): ChildOrder => ({
  rpcUrl: node.rpcUrl,
  contract: bytesToHex(escrow.domain.verifyingContract),
  payee: bytesToHex(escrow.allocation.payee),
  allocation: bytesToHex(escrow.id),
  ...{ job, step },
})

type Receipt = Parameters<typeof claimed>[1]

/** What the contract has paid since a block, each payment by itself. */
async function payments(escrow: Escrow, from: number): Promise<readonly bigint[]> {
  const filter = { address: escrow.address, fromBlock: `0x${from.toString(16)}` }
  const logs = (await node.rpc('eth_getLogs', [filter])) as Receipt['logs']
  const byClaims = claimed(escrow.codec, { logs, status: '', gasUsed: '0x0' } as unknown as Receipt)
  const byStatements = logs.flatMap((log) => {
    const event = escrow.codec.event(log)
    return event?.name === 'StatementTaken' ? [BigInt(event.values['paid'] as bigint)] : []
  })
  return [...byClaims.outcomes.map(({ paid }) => paid), ...byStatements].filter((paid) => paid > 0n)
}

const onePayment: Readonly<Record<SettleKind, readonly bigint[]>> = {
  claims: Array.from({ length: CLAIMS_PER_JOB }, () => AMOUNT_PER_JOB / BigInt(CLAIMS_PER_JOB)),
  statement: [AMOUNT_PER_JOB],
}

/** A block of its own, so that what comes after it is told from what was before. */
async function nextBlock(): Promise<number> {
  await node.rpc('evm_mine', [])
  return Number(await node.rpc('eth_blockNumber', []))
}

/** The contract's figures, and where the tokens are. */
async function expectPaid(escrow: Escrow, jobs: number, tokensBefore: bigint): Promise<void> {
  const paid = AMOUNT_PER_JOB * BigInt(jobs)
  expect(await escrow.state()).toMatchObject({ paid })
  const fee = (paid * 130n) / 10_000n
  expect((await escrow.tokens(escrow.payee)) - tokensBefore).toBe((paid - fee) * FACTOR)
  expect(await escrow.tokens(escrow.address)).toBe((1_000_000_000n - paid + fee) * FACTOR)
}

describe.skipIf(!hasAnvil).each(kinds)('a settlement of %s on a chain', (kind) => {
  it('takes the steps that are listed, and no others', async () => {
    const escrow = await openSite()
    const seen: string[] = []
    await settleOnChain(escrow, escrow.id, { kind, number: 0 }, (step) => {
      seen.push(step)
    })
    expect(seen).toEqual(settlementSteps)
    expect(seen).toEqual(expect.arrayContaining(killSteps))
  })

  it('is paid exactly once when it is killed between any two steps', {
    timeout: 60_000 + PER_KILL_MS * rounds * killSteps.length,
  }, async () => {
    const escrow = await openSite()
    const tokens = await escrow.tokens(escrow.payee)
    const all = Array.from({ length: rounds }, () => killSteps).flat()
    const before: Record<string, number> = {}
    const { killWith, end } = killer()
    for (const [number, step] of all.entries()) {
      const job = { kind, number }
      const from = await nextBlock()
      expect(await killWith(orderOf(escrow, job, step)), step).toBe('SIGKILL')
      const found = await payments(escrow, from)
      before[step] = (before[step] ?? 0) + (found.length === 0 ? 0 : 1)
      // The gateway starts again and settles what its outbox holds.
      await settleOnChain(escrow, escrow.id, job, () => undefined)
      expect(await payments(escrow, from), step).toEqual(onePayment[kind])
    }
    end()
    await expectPaid(escrow, all.length, tokens)
    expect(before['before block 1']).toBe(0)
    expect(before['before nonce 3']).toBe(rounds)
    tellKills(kind, rounds, before)
  })
})
