/**
 * The adapter on a real node: claims and statements to their end, whatever chain and nodes do.
 * @module
 */
import { describe, expect, test } from 'vitest'
import { createNode } from '../../ledger/evm/node.ts'
import type { LedgerEvent } from '../../ledger/ledger.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { leafOf, seedOf } from '../unit/ledger/world.ts'
import { openAdapter } from './adapter.ts'
import { escrowScene } from './scene.ts'
import { hasAnvil } from './world.ts'

const { escrow, node, pass } = escrowScene()

const claimsOf = (count: number, index = 5) =>
  Array.from({ length: count }, (_, number) => escrow().device(number).commit().claim(index))

describe.skipIf(!hasAnvil)('evidence by the adapter', () => {
  test('is paid once it is final, and repeated the second time', async () => {
    const { ledger, polls } = await openAdapter(escrow())
    const first = await ledger.submit(claimsOf(3), 'a')
    expect(first).toMatchObject([1, 2, 3].map(() => ({ status: 'paid', paid: 50n })))
    expect(polls()).toBeGreaterThanOrEqual(2)
    const again = await ledger.submit(claimsOf(3), 'a')
    expect(again).toMatchObject([1, 2, 3].map(() => ({ status: 'repeated', cumulative: 50n })))
    expect(await escrow().state()).toMatchObject({ paid: 150n })
  })

  test('is refused by the rules of every ledger, without a transaction', async () => {
    const { ledger } = await openAdapter(escrow())
    const device = escrow().device(1)
    const elsewhere = escrow().device(2, 'secp256k1', { allocation: seedOf(1) })
    const results = await ledger.submit(
      [
        device.commit().claim(5, { word: seedOf(3) }),
        device.commit().claim(500),
        elsewhere.commit().claim(1),
        escrow().device(3, 'ed25519').commit().claim(1),
      ],
      'a',
    )
    const reasons = ['bad_word', 'out_of_range', 'unknown_allocation', 'wrong_terms']
    expect(results).toMatchObject(reasons.map((reason) => ({ status: 'refused', reason })))
    expect(await escrow().state()).toMatchObject({ paid: 0n })
  })

  test('one that poisons every call is put aside, the others are paid', async () => {
    const poison = escrow().device(5).commit().claim(1)
    const mark = bytesToHex(poison.commitment.signature.subarray(0, 32))
    const { ledger, lines } = await openAdapter(escrow(), {
      between: (rpc) => (method, params) =>
        method === 'eth_call' && JSON.stringify(params).includes(mark)
          ? Promise.reject(new Error('out of gas'))
          : rpc(method, params),
    })
    const results = await ledger.submit([...claimsOf(5), poison], 'a')
    expect(results.map(({ status }) => status)).toEqual([...Array(5).fill('paid'), 'refused'])
    expect(lines.join()).toContain('poisons')
  })

  // T61
  test('a payment that is not final yet is waited for, not repeated', async () => {
    await escrow().claim(claimsOf(2))
    const { ledger, polls } = await openAdapter(escrow(), { policy: { confirmations: 12 } })
    const results = await ledger.submit(claimsOf(2), 'a')
    expect(results.map(({ status }) => status)).toEqual(['repeated', 'repeated'])
    expect(polls()).toBeGreaterThanOrEqual(10)
  })

  // T61
  test.each([1, 2, 8, 64])('a reorganisation of %i blocks changes nothing', async (depth) => {
    const kept = await node().rpc('evm_snapshot', [])
    const { ledger } = await openAdapter(escrow(), {
      policy: { confirmations: depth + 1, deadlineMs: 600_000 },
      onPoll: async (polls) => {
        // The newest blocks, and the payment in the first of them, were never there.
        if (polls === depth) await node().rpc('evm_revert', [kept])
      },
    })
    const results = await ledger.submit(claimsOf(2), 'a')
    expect(results).toMatchObject([{ paid: 50n }, { paid: 50n }])
    expect(await escrow().state()).toMatchObject({ paid: 100n, evidencePaid: 100n })
  })

  // T63
  test('a transaction that nobody mines is replaced by a dearer one', async () => {
    const fees: bigint[] = []
    await node().rpc('evm_setAutomine', [false])
    const { ledger } = await openAdapter(escrow(), {
      between: (rpc) => async (method, params) => {
        const answer = await rpc(method, params)
        if (method !== 'eth_sendRawTransaction') return answer
        const { maxFeePerGas } = (await rpc('eth_getTransactionByHash', [answer])) as Fees
        fees.push(BigInt(maxFeePerGas))
        return answer
      },
      mining: 'none',
      onPoll: async (polls) => {
        if (polls >= 13) await node().rpc('evm_mine', [])
      },
    })
    const results = await ledger.submit(claimsOf(1), 'a')
    await node().rpc('evm_setAutomine', [true])
    expect(results).toMatchObject([{ status: 'paid', paid: 50n }])
    expect(fees).toHaveLength(3)
    expect(fees[1]).toBeGreaterThanOrEqual(((fees[0] ?? 0n) * 1_125n) / 1_000n)
    expect(await escrow().state()).toMatchObject({ paid: 50n })
  })

  // T63
  test('past the deadline it gives up, and the next submission takes over its nonce', async () => {
    await node().rpc('evm_setAutomine', [false])
    const never = await openAdapter(escrow(), { mining: 'none' })
    await expect(never.ledger.submit(claimsOf(1), 'a')).rejects.toThrow('in time')
    expect(never.lines.join()).toContain('half of its time')
    const { ledger } = await openAdapter(escrow())
    const results = await ledger.submit(claimsOf(1), 'a')
    await node().rpc('evm_setAutomine', [true])
    expect(results).toMatchObject([{ cumulative: 50n }])
    expect(await escrow().state()).toMatchObject({ paid: 50n })
  })

  // T65
  test('nothing is submitted for a payee who is not on the list', async () => {
    const { ledger } = await openAdapter(escrow(), { payouts: [new Uint8Array(20)] })
    await expect(ledger.submit(claimsOf(1), 'a')).rejects.toThrow('not on the list of payouts')
    expect(await escrow().state()).toMatchObject({ paid: 0n })
  })

  test('two nodes that disagree stop everything', async () => {
    const liar = createNode((method, params) =>
      node()
        .rpc(method, params)
        .then((answer) =>
          method === 'eth_call' ? String(answer).replace(/1(?=[^1]*$)/, '2') : answer,
        ),
    )
    await pass(1)
    await pass(1)
    await pass(1)
    const { ledger, lines } = await openAdapter(escrow(), { second: liar })
    await expect(ledger.submit(claimsOf(1), 'a')).rejects.toThrow('two nodes disagree')
    expect(lines.join()).toContain('error ledger evm: two nodes disagree')
    expect(await escrow().state()).toMatchObject({ paid: 0n })
    const honest = await openAdapter(escrow(), { second: createNode(node().rpc) })
    expect(await honest.ledger.submit(claimsOf(1), 'a')).toMatchObject([{ status: 'paid' }])
  })
})

type Fees = { readonly maxFeePerGas: string }

describe.skipIf(!hasAnvil)('statements by the adapter', () => {
  const leaves = () =>
    [0, 1, 2].map((position) => ({
      position,
      channelId: escrow().device(position).channelId,
      amount: 100n,
    }))

  test('are paid, repeated, refused, and evidence counts from them', async () => {
    const { ledger } = await openAdapter(escrow())
    const first = escrow().statement(leaves())
    expect(await ledger.submitStatement(first, 'a')).toMatchObject({ status: 'paid', paid: 300n })
    expect(await ledger.submitStatement(first, 'b')).toMatchObject({ status: 'repeated' })
    const old = escrow().statement(leaves(), { total: 5n })
    expect(await ledger.submitStatement(old, 'c')).toMatchObject({ status: 'repeated' })
    const unknowing = escrow().statement(leaves(), { sequence: 2, evidencePaid: 1n })
    expect(await ledger.submitStatement(unknowing, 'd')).toMatchObject({
      status: 'refused',
      reason: 'evidence_differs',
    })
    const claim = escrow()
      .device(1)
      .commit()
      .claim(30, { leaf: leafOf(leaves(), 1) })
    expect(await ledger.submit([claim], 'e')).toMatchObject([{ paid: 200n, cumulative: 300n }])
    const state = await ledger.allocation(escrow().id)
    expect(state).toMatchObject({
      ...{ paid: 500n, evidencePaid: 200n, statementSequence: 1, statementPositions: 3 },
      ...{ fleet: 'acme', gateway: 'gate-1', feeBasisPoints: 100, fee: 5n },
    })
  })
})

describe.skipIf(!hasAnvil)('following', () => {
  // T61
  test('tells what happened, and tells it again when the chain is rearranged', async () => {
    const { ledger, tick } = await openAdapter(escrow(), { policy: { confirmations: 2 } })
    await ledger.allocation(escrow().id)
    const told: (readonly [LedgerEvent['kind'], bigint, bigint])[] = []
    ledger.follow(({ kind, allocation }) =>
      told.push([kind, allocation.paid, allocation.available]),
    )
    const next = async () => {
      tick()
      await expect.poll(() => told.length, { timeout: 5_000 }).toBeGreaterThan(0)
      return told.splice(0)
    }
    const kept = await node().rpc('evm_snapshot', [])
    await escrow().claim(claimsOf(2))
    expect(await next()).toEqual([['paid', 100n, 999_999_900n]])
    await node().rpc('evm_revert', [kept])
    await pass(7)
    expect((await next()).map(([kind]) => kind)).toContain('paid')
    await escrow().run(escrow().owner, 'requestWithdrawal', [escrow().terms, 600n])
    expect((await next()).at(-1)).toEqual(['withdrawal_requested', 0n, 999_999_400n])
  })
})
