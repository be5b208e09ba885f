/** What a device makes of its gateway's receipts. */
import { describe, expect, test } from 'vitest'
import type { ReceiptContext } from '../../../agent/receipts.ts'
import { judgeReceipt } from '../../../agent/receipts.ts'
import { openRecords } from '../../../agent/records.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import { merkleTree, receiptLeaf } from '../../../protocol/merkle.ts'
import type { ReceiptProof } from '../../../protocol/receipts.ts'
import { encodeReceipt } from '../../../protocol/receipts.ts'
import type { Receipt } from '../../../protocol/structures.ts'
import { digestOf, receiptRootStructure } from '../../../protocol/structures.ts'
import * as fixtures from '../../support/fixtures.ts'
import { memoryDisk } from '../../support/memoryDisk.ts'

const life = fixtures.mark.life

function proofOf(change: Partial<Receipt> = {}, issuedLife: Uint8Array = life): ReceiptProof {
  const receipt: Receipt = {
    channelId: fixtures.channelId,
    epoch: 1,
    index: 10,
    amount: 25_000n,
    units: 100n,
    register: 1_100n,
    tariffHash: fixtures.counting(7),
    position: 50,
    ...change,
  }
  const leaves = new Map([
    [0, fixtures.counting(1)],
    [1, receiptLeaf(receipt)],
    [2, fixtures.counting(2)],
  ])
  const tree = merkleTree(leaves, 2)
  const value = {
    gateway: fixtures.gateway,
    life: issuedLife,
    previous: new Uint8Array(32),
    position: 51,
    root: tree.root,
    channels: 3,
    issuedAt: fixtures.nowSeconds,
  }
  const digest = digestOf(fixtures.domain, receiptRootStructure, value)
  const root = fixtures.signed(fixtures.gatewayKey, value, digest)
  return { receipt, place: 1, path: tree.path(1), root }
}

const context: ReceiptContext = {
  trust: {
    domain: fixtures.domain,
    gateway: fixtures.gateway,
    key: publicKeyOf(fixtures.gatewayKey),
  },
  shown: 30_000n,
  acknowledged: undefined,
  newest: undefined,
}

const acknowledged = (amount: bigint, position: number, of: Uint8Array = life) => ({
  ...context,
  acknowledged: { life: of, position, amount },
})

describe('a receipt', () => {
  test('of what was shown and acknowledged is kept', () => {
    expect(judgeReceipt(proofOf(), context)).toBe('good')
    expect(judgeReceipt(proofOf({ amount: 30_000n }), context)).toBe('good')
    expect(judgeReceipt(proofOf(), acknowledged(25_000n, 50))).toBe('good')
  })

  test('(!) T09 of more than was shown is a lie of the gateway', () => {
    expect(judgeReceipt(proofOf({ amount: 30_001n }), context)).toBe('gateway_lied')
    expect(judgeReceipt(proofOf({ amount: 30_001n }), { ...context, shown: undefined })).toBe(
      'good',
    )
  })

  test('(!) T10 of less than was acknowledged up to its position goes back', () => {
    expect(judgeReceipt(proofOf(), acknowledged(25_001n, 50))).toBe('goes_back')
    expect(judgeReceipt(proofOf(), acknowledged(25_001n, 51))).toBe('good')
    const otherLife = fixtures.counting(3, 16)
    expect(judgeReceipt(proofOf(), acknowledged(25_001n, 50, otherLife))).toBe('good')
  })

  test('(!) T10 of less than an earlier one said goes back; an older one is known', () => {
    const newest = proofOf({ amount: 26_000n, position: 49 })
    expect(judgeReceipt(proofOf(), { ...context, newest })).toBe('goes_back')
    const later = proofOf({ amount: 26_000n, position: 51 })
    expect(judgeReceipt(proofOf(), { ...context, newest: later })).toBe('older')
    expect(judgeReceipt(proofOf(), { ...context, newest: proofOf() })).toBe('older')
  })

  test('that the gateway did not sign like this is worth nothing', () => {
    const proof = proofOf()
    const altered = { ...proof, receipt: { ...proof.receipt, amount: 25_001n } }
    expect(judgeReceipt(altered, context)).toBe('wrong_path')
    expect(judgeReceipt({ ...proof, place: 3 }, context)).toBe('wrong_path')
    expect(judgeReceipt({ ...proof, path: proof.path.slice(1) }, context)).toBe('wrong_path')
    const other = { ...context.trust, gateway: 'other' }
    expect(judgeReceipt(proof, { ...context, trust: other })).toBe('wrong_gateway')
    const key = publicKeyOf(fixtures.deviceKey)
    const stranger = { ...context, trust: { ...context.trust, key } }
    expect(judgeReceipt(proof, stranger)).toBe('bad_signature')
    const elsewhere = { ...context.trust, domain: fixtures.otherDomain }
    expect(judgeReceipt(proof, { ...context, trust: elsewhere })).toBe('bad_signature')
  })
})

test('the newest receipt is written with the next record, and not by itself', async () => {
  const disk = memoryDisk()
  const log = () => undefined
  const records = await openRecords(disk, log)
  const payload = encodeReceipt(proofOf())
  records.keep('energy', { receipt: payload })
  expect(await disk.read('agent.json')).toBeUndefined()
  await records.save('energy', { seen: { atSeconds: 1, units: 2n, unitsPaid: 1n } })
  const again = await openRecords(disk, log)
  expect(again.meter('energy').receipt).toEqual(payload)
})
