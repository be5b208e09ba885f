/**
 * Statements at the contract, and how they go together with evidence, on a real node.
 * @module
 */
import { describe, expect, test } from 'vitest'
import { claimCodeOf } from '../../ledger/evm/reasons.ts'
import type { ClaimLeaf, StatementSubmission } from '../../ledger/ledger.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { StatementLeaf } from '../../protocol/merkle.ts'
import { allocationStructure, digestOf } from '../../protocol/structures.ts'
import { leafOf, START_SECONDS, seedOf } from '../unit/ledger/world.ts'
import { escrowScene } from './scene.ts'
import { FACTOR, hasAnvil, hex, refusalOf } from './world.ts'

const { escrow, single, pass, node } = escrowScene()

/** Devices 0 to 4 owe 100, 200 and so on. */
const leavesOf = (): StatementLeaf[] =>
  [0, 1, 2, 3, 4].map((position) => ({
    position,
    channelId: escrow().device(position).channelId,
    amount: BigInt(100 * (position + 1)),
  }))

const show = (submission: StatementSubmission, from = escrow().gateway) =>
  node().send(from, escrow().address, escrow().statementData(submission))
const whyNot = (submission: StatementSubmission, from = escrow().gateway) =>
  refusalOf(node(), escrow().codec, {
    from,
    to: escrow().address,
    data: escrow().statementData(submission),
  })

describe.skipIf(!hasAnvil)('statements at the contract', () => {
  test('one signature pays for all, and again only what is more', async () => {
    expect((await show(escrow().statement(leavesOf()))).status).toBe('0x1')
    expect(await escrow().state()).toMatchObject({ paid: 1_500n, evidencePaid: 0n })
    expect(await escrow().tokens(escrow().payee)).toBe(1_485n * FACTOR)
    const more = leavesOf().map((leaf) => ({ ...leaf, amount: leaf.amount + 1n }))
    await show(escrow().statement(more, { sequence: 2 }))
    expect(await escrow().state()).toMatchObject({ paid: 1_505n, statementSequence: 2n })
  })

  test('what the contract keeps is what both sides signed', async () => {
    const submission = escrow().statement(leavesOf())
    await show(submission)
    expect(await escrow().state()).toMatchObject({ statementRoot: hex(submission.statement.root) })
    const id = digestOf(escrow().domain, allocationStructure, escrow().allocation)
    expect(await escrow().read('allocationId', [escrow().terms])).toBe(hex(id))
  })

  test.each<[string, Partial<StatementSubmission['statement']>, string]>([
    ['an old sequence', { sequence: 1 }, 'old_sequence'],
    ['evidence that was not paid', { sequence: 2, evidencePaid: 1n }, 'evidence_differs'],
    ['more than is set aside', { sequence: 2, total: 1_000_000_001n }, 'no_funds'],
    ['an end before its beginning', { sequence: 2, expiry: START_SECONDS }, 'malformed'],
    ['too many positions', { sequence: 2, positions: (1 << 20) + 1 }, 'malformed'],
  ])('refuses %s', async (_, changes, reason) => {
    await show(escrow().statement(leavesOf()))
    expect(await whyNot(escrow().statement(leavesOf(), changes))).toBe(reason)
  })

  test('refuses one past its expiry', async () => {
    const expiry = START_SECONDS + 100_000
    await pass(99_000)
    expect(await whyNot(escrow().statement(leavesOf(), { expiry }))).toBe('none')
    await pass(2_000)
    expect(await whyNot(escrow().statement(leavesOf(), { expiry }))).toBe('expired')
  })

  test('refuses what the fleet did not sign, and whoever is not of the payee', async () => {
    const good = escrow().statement(leavesOf())
    const other = { ...good, fleetSignature: good.gatewaySignature }
    expect(await whyNot(other)).toBe('bad_fleet_signature')
    const altered = { ...good, statement: { ...good.statement, total: 1_501n } }
    expect(await whyNot(altered)).toBe('bad_fleet_signature')
    expect(await whyNot(good, escrow().owner)).toBe('not_the_payee')
    expect(await whyNot(good, escrow().stranger)).toBe('not_the_payee')
    expect(await whyNot(good)).toBe('none')
  })
})

describe.skipIf(!hasAnvil)('evidence beside a statement', () => {
  const leaf = (position: number): ClaimLeaf => leafOf(leavesOf(), position)
  const claimOf = (position: number, shown: ClaimLeaf | undefined, index = 90) =>
    escrow()
      .device(position)
      .commit()
      .claim(index, shown ? { leaf: shown } : {})

  test('pays what exceeds the leaf, and evidence after it what exceeds both', async () => {
    await show(escrow().statement(leavesOf()))
    expect(await single(claimOf(2, leaf(2)))).toMatchObject({ reason: 0, paid: 600n })
    expect(await single(claimOf(2, leaf(2)))).toMatchObject({ reason: 0, paid: 0n })
    expect(await single(claimOf(2, leaf(2), 95))).toMatchObject({ reason: 0, paid: 50n })
    expect(await escrow().state()).toMatchObject({ paid: 2_150n, evidencePaid: 650n })
    // The next statement names it and pays nothing twice.
    const said = leavesOf().map((one) => (one.position === 2 ? { ...one, amount: 950n } : one))
    expect(await whyNot(escrow().statement(said, { sequence: 2 }))).toBe('evidence_differs')
    await show(escrow().statement(said, { sequence: 2, evidencePaid: 650n }))
    expect(await escrow().state()).toMatchObject({ paid: 2_150n, statementSequence: 2n })
  })

  test('an empty leaf is 0; a P-256 payer shows its key and its path', async () => {
    await show(escrow().statement(leavesOf()))
    const late = escrow().device(700, 'p256').commit()
    expect(await single(late.claim(3, { leaf: leaf(700) }))).toMatchObject({ paid: 30n })
    const early = escrow().device(9, 'p256').commit()
    expect(await single(early.claim(3, { leaf: leaf(9) }))).toMatchObject({ paid: 30n })
  })

  test('a leaf below the amount that was paid by evidence changes nothing', async () => {
    await single(claimOf(2, undefined))
    const low = leavesOf().map((one) => (one.position === 2 ? { ...one, amount: 1n } : one))
    await show(escrow().statement(low, { evidencePaid: 900n }))
    const shown = leafOf(low, 2)
    expect(await single(claimOf(2, shown, 91))).toMatchObject({ reason: 0, paid: 10n })
  })

  test('refuses a leaf that is missing, of others, altered or not empty', async () => {
    const stolen = leavesOf().map((one) =>
      one.position === 2 ? { ...one, channelId: seedOf(9) } : one,
    )
    await show(escrow().statement(stolen))
    const wrong = { reason: claimCodeOf('wrong_leaf'), paid: 0n }
    const path = leafOf(stolen, 2).path
    expect(await single(claimOf(2, undefined))).toMatchObject(wrong)
    // The statement has another channel here: neither as its own leaf, nor as none, nor as 0.
    expect(await single(claimOf(2, leafOf(stolen, 2)))).toMatchObject(wrong)
    const empty = { amount: 0n, channelId: 'empty', path } as const
    expect(await single(claimOf(2, empty))).toMatchObject(wrong)
    const lower = { ...leafOf(stolen, 1), amount: 0n }
    expect(await single(claimOf(1, lower))).toMatchObject(wrong)
    expect(await single(claimOf(1, leafOf(stolen, 3)))).toMatchObject(wrong)
    expect(await single(claimOf(1, leafOf(stolen, 1)))).toMatchObject({ reason: 0, paid: 700n })
  })

  test('a claim whose words lie outside of what was sent is refused alone', async () => {
    await show(escrow().statement(leavesOf()))
    const good = claimOf(1, leaf(1))
    const { outcomes } = await escrow().claim([claimOf(2, undefined), good])
    expect(outcomes.map(({ paid }) => paid)).toEqual([0n, 700n])
    expect(bytesToHex(good.channel.salt)).toHaveLength(64)
  })
})
