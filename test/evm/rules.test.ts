/**
 * What the adapter decides: fees, replacement, finality, reorganisations, batches.
 * @module
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { batchesOf, gasOf, halvesOf } from '../../ledger/evm/batchRules.ts'
import { type Block, type Heads, joinHeads } from '../../ledger/evm/headRules.ts'
import { disagreement } from '../../ledger/evm/sourceRules.ts'
import {
  decide,
  firstFees,
  isLate,
  replacementFees,
  type Seen,
  type SendPolicy,
  type Sent,
} from '../../ledger/evm/transactionRules.ts'

const policy: SendPolicy = {
  feePerGasMax: 1_000n,
  priorityFeePerGas: 10n,
  replaceAfterMs: 1_000,
  deadlineMs: 10_000,
  confirmations: 5,
}
const fees = { maxFeePerGas: 210n, maxPriorityFeePerGas: 10n }
const sent: Sent = {
  nonce: 7,
  startedAtMs: 0,
  attempts: [{ hash: '0xa', fees, sentAtMs: 0 }],
}
const seen: Seen = { nowMs: 500, head: 100, baseFeePerGas: 100n, nonceNext: 7, mined: undefined }

describe('fees', () => {
  test('begin at twice the base fee and never pass the cap', () => {
    expect(firstFees(policy, 100n)).toEqual(fees)
    expect(firstFees(policy, 10_000n).maxFeePerGas).toBe(1_000n)
    expect(firstFees({ ...policy, feePerGasMax: 4n }, 100n).maxPriorityFeePerGas).toBe(4n)
  })

  test('a replacement pays an eighth more, until the cap', () => {
    fc.assert(
      fc.property(
        fc.bigInt(1n, 10n ** 12n),
        fc.bigInt(0n, 10n ** 12n),
        fc.bigInt(1n, 10n ** 13n),
        (last, base, cap) => {
          const before = { maxFeePerGas: last, maxPriorityFeePerGas: 1n }
          const next = replacementFees({ ...policy, feePerGasMax: cap }, before, base)
          if (next === undefined) return (last * 9n) / 8n + 1n > cap
          const isMore = next.maxFeePerGas * 8n >= last * 9n
          return isMore && next.maxFeePerGas <= cap && next.maxPriorityFeePerGas > 1n
        },
      ),
    )
  })
})

describe('a transaction', () => {
  const mined = (block: number, succeeded = true) => ({ hash: '0xa', block, succeeded })

  test.each<[string, Partial<Seen>, Partial<Sent>, object]>([
    ['is sent', {}, { attempts: [] }, { action: 'send', fees }],
    ['is waited for', {}, {}, { action: 'wait', stage: 'pending' }],
    ['is replaced after its time', { nowMs: 1_000 }, {}, { action: 'send' }],
    ['is given up at the deadline', { nowMs: 10_000 }, {}, { action: 'give_up' }],
    ['is confirmed at first', { mined: mined(97) }, {}, { action: 'wait', stage: 'confirmed' }],
    ['is final at depth 5', { mined: mined(96) }, {}, { action: 'final', succeeded: true }],
    ['may have failed', { mined: mined(90, false) }, {}, { action: 'final', succeeded: false }],
    [
      'is awaited past the deadline once mined',
      { nowMs: 99_999, mined: mined(99) },
      {},
      { action: 'wait' },
    ],
    ['is foreign when its nonce is used', { nonceNext: 8 }, {}, { action: 'foreign' }],
    ['is ours when it used its nonce', { nonceNext: 8, mined: mined(96) }, {}, { action: 'final' }],
  ])('%s', (_, seenChanges, sentChanges, expected) => {
    expect(decide(policy, { ...sent, ...sentChanges }, { ...seen, ...seenChanges })).toMatchObject(
      expected,
    )
  })

  test('at the cap the same is sent again', () => {
    const dear = { maxFeePerGas: 999n, maxPriorityFeePerGas: 10n }
    const atCap = { ...sent, attempts: [{ hash: '0xa', fees: dear, sentAtMs: 0 }] }
    expect(decide(policy, atCap, { ...seen, nowMs: 2_000 })).toEqual({ action: 'send', fees: dear })
  })

  // T63
  test('a fee twenty times as high for an hour: mined under the cap afterwards', () => {
    // Virtual time; the chain takes what pays its base fee, which falls again after an hour.
    const hour = { ...policy, feePerGasMax: 1_500n, replaceAfterMs: 60_000, deadlineMs: 7_200_000 }
    let now: Sent = { nonce: 1, startedAtMs: 0, attempts: [] }
    for (let nowMs = 0; nowMs < hour.deadlineMs; nowMs += 12_000) {
      const baseFeePerGas = nowMs < 3_600_000 ? 2_000n : 100n
      const last = now.attempts.at(-1)
      const isMined = last && last.fees.maxFeePerGas >= baseFeePerGas
      if (isMined) {
        expect(nowMs).toBeGreaterThanOrEqual(3_600_000)
        expect(last.fees.maxFeePerGas).toBeLessThanOrEqual(hour.feePerGasMax)
        expect(isLate(hour, now, { ...seen, nowMs })).toBe(true)
        return
      }
      const decision = decide(hour, now, { ...seen, nowMs, baseFeePerGas, nonceNext: 1 })
      if (decision.action !== 'send') continue
      const attempt = { hash: `0x${nowMs}`, fees: decision.fees, sentAtMs: nowMs }
      now = { ...now, attempts: [...now.attempts, attempt] }
    }
    expect.unreachable('it was never mined')
  })
})

/** Blocks of one branch; branches differ by their letter. */
const blocks = (from: number, to: number, branch: string, fork = from): Block[] =>
  Array.from({ length: to - from + 1 }, (_, i) => {
    const number = from + i
    const parent = number === fork ? `a${number - 1}` : `${branch}${number - 1}`
    return { number, hash: `${branch}${number}`, parent }
  })

describe('reorganisations', () => {
  /** As the adapter does it: one block further back as long as one is missing. */
  const follow = (known: Heads, chain: readonly Block[]) => {
    for (let first = chain.length - 1; first >= 0; first--) {
      const step = joinHeads(known, chain.slice(first))
      if (!('need' in step)) return step
    }
    return undefined
  }

  test.each(Array.from({ length: 64 }, (_, i) => i + 1))('of depth %i', (depth) => {
    const known = blocks(1, 100, 'a')
    const fork = 101 - depth
    const step = follow(known, [...blocks(1, fork - 1, 'a'), ...blocks(fork, 102, 'b', fork)])
    expect(step).toMatchObject({ dropped: depth })
    const heads = step && 'heads' in step ? step.heads : []
    expect(heads.at(-1)?.hash).toBe('b102')
    expect(heads.filter(({ hash }) => hash.startsWith('a'))).toHaveLength(fork - 1)
  })

  test('deeper ones and other chains are an alarm', () => {
    const known = blocks(1, 100, 'a')
    const deep = [...blocks(1, 35, 'a'), ...blocks(36, 101, 'b', 36)]
    expect(follow(known, deep)).toEqual({ tooDeep: true })
    expect(follow(known, blocks(1, 101, 'c', 0))).toEqual({ tooDeep: true })
  })
})

describe('batches', () => {
  test('keep their order, lose nothing and stay below the limit', () => {
    const claims = fc.array(fc.record({ index: fc.integer({ min: 0, max: 4_096 }) }))
    fc.assert(
      fc.property(claims, (shown) => {
        const batches = batchesOf(shown)
        expect(batches.flat()).toEqual(shown.map((_, index) => index))
        return batches.every(
          (batch) =>
            batch.reduce((sum, i) => sum + gasOf(shown[i] ?? { index: 0 }), 0) < 15_000_000,
        )
      }),
    )
  })

  test('halves are two of which neither is empty', () => {
    expect(halvesOf([1, 2, 3])).toEqual([[1, 2], [3]])
    expect(halvesOf([1, 2])).toEqual([[1], [2]])
  })
})

test('two nodes agree on chain, block and state, or settlement stops', () => {
  const said = { chainId: '1', block: 5, hash: '0xa', state: '0x1' }
  expect(disagreement(said, said)).toBeUndefined()
  expect(disagreement(said, { ...said, chainId: '2' })).toContain('chains')
  expect(disagreement(said, { ...said, hash: '0xb' })).toContain('block 5')
  expect(disagreement(said, { ...said, state: '0x2' })).toContain('states')
})
