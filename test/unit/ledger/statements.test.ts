import { describe, expect, it } from 'vitest'
import type { StatementSubmission } from '../../../ledger/ledger.ts'
import { statementReasons } from '../../../ledger/rules/statementRules.ts'
import type { Statement } from '../../../protocol/structures.ts'
import {
  allocationTerms,
  fundedWorld,
  leafOf,
  ledgerWorld,
  START_SECONDS,
  seedOf,
  statementOf,
} from './world.ts'

type World = Awaited<ReturnType<typeof fundedWorld>>

/** One channel at position 1 that owes `amount`. */
const leafAt = ({ device }: World, amount: bigint) => [
  { position: 1, channelId: device(1).channelId, amount },
]

const signedOf = (world: World, amount: bigint, changes: Partial<Statement> = {}) =>
  statementOf(world.ledger.domain, world.allocation.id, leafAt(world, amount), changes)

/** What breaks exactly one check, in the order in which they are made. */
const faults: Record<
  (typeof statementReasons)[number],
  (world: World) => Promise<StatementSubmission> | StatementSubmission
> = {
  malformed: (w) => signedOf(w, 30n, { sequence: 0 }),
  unknown_allocation: (w) => signedOf(w, 30n, { allocation: seedOf(77) }),
  old_sequence: async (w) => {
    await w.ledger.submitStatement(signedOf(w, 20n), 'first')
    return signedOf(w, 30n)
  },
  expired: (w) => signedOf(w, 30n, { issuedAt: START_SECONDS - 9, expiry: START_SECONDS - 1 }),
  evidence_differs: async (w) => {
    await w.ledger.submit([w.device(1).commit().claim(1)], 'evidence')
    return signedOf(w, 30n)
  },
  no_funds: (w) => signedOf(w, 1_000_001n),
  bad_gateway_signature: (w) => {
    const good = signedOf(w, 30n)
    return { ...good, gatewaySignature: good.fleetSignature }
  },
  bad_fleet_signature: (w) => {
    const good = signedOf(w, 30n)
    return { ...good, fleetSignature: good.gatewaySignature }
  },
}

describe('a statement', () => {
  it.each(statementReasons)('is refused as %s, and nothing is paid', async (reason) => {
    const world = await fundedWorld()
    const submission = await faults[reason](world)
    const before = world.ledger.balance()
    const result = await world.ledger.submitStatement(submission, 'key')
    expect(result).toMatchObject({ status: 'refused', reason, paid: 0n })
    expect(world.ledger.balance()).toEqual(before)
    expect(world.ledger.audit()).toEqual([])
  })

  it('pays the difference once, fee included, and is repeated under any key', async () => {
    const world = await fundedWorld()
    const { ledger, allocation } = world
    const first = signedOf(world, 30_000n)
    expect(await ledger.submitStatement(first, 'a')).toEqual({
      ...{ status: 'paid', paid: 30_000n, total: 30_000n },
    })
    for (const key of ['a', 'b']) {
      expect(await ledger.submitStatement(first, key)).toEqual({
        ...{ status: 'repeated', paid: 0n, total: 30_000n },
      })
    }
    const second = signedOf(world, 50_000n, { sequence: 7 })
    expect(await ledger.submitStatement(second, 'c')).toMatchObject({ paid: 20_000n })
    expect(await ledger.allocation(allocation.id)).toMatchObject({
      ...{ paid: 50_000n, fee: 500n, evidencePaid: 0n, statementSequence: 7 },
      statementPositions: 2,
    })
    expect(ledger.audit()).toEqual([])
    expect(ledger.sum()).toBe('0')
  })

  it('(!) with a lower total than is paid pays nothing and takes nothing back', async () => {
    const world = await fundedWorld()
    await world.ledger.submitStatement(signedOf(world, 50n), 'a')
    const lower = signedOf(world, 20n, { sequence: 2 })
    expect(await world.ledger.submitStatement(lower, 'b')).toMatchObject({
      ...{ status: 'paid', paid: 0n, total: 50n },
    })
    expect(world.ledger.audit()).toEqual([])
  })

  it('is not taken where the allocation names no key of the gateway, until it does', async () => {
    const world = ledgerWorld()
    const ledger = await world.open()
    const { gatewayKey, ...nameless } = allocationTerms
    const { id } = await ledger.openAllocation(nameless)
    await ledger.fund(id, 100n, 'deposit')
    const submission = statementOf(ledger.domain, id, [])
    const refused = await ledger.submitStatement(submission, 'a')
    expect(refused.reason).toBe('bad_gateway_signature')
    await ledger.openAllocation({ ...nameless, gatewayKey })
    expect(await ledger.submitStatement(submission, 'a')).toMatchObject({ status: 'paid' })
  })

  it('is in force after a restart, to be repeated and to be counted from', async () => {
    const world = await fundedWorld()
    const stated = leafAt(world, 20n)
    const submission = signedOf(world, 20n)
    await world.ledger.submitStatement(submission, 'a')
    const reopened = await world.open()
    expect((await reopened.submitStatement(submission, 'a')).status).toBe('repeated')
    const claim = world
      .device(1)
      .commit()
      .claim(3, { leaf: leafOf(stated, 1) })
    expect(await reopened.submit([claim], 'b')).toMatchObject([{ paid: 10n, cumulative: 30n }])
    expect(reopened.audit()).toEqual([])
  })
})

describe('evidence beside a statement', () => {
  it('(!) pays what it proves beyond the higher of evidence paid and leaf', async () => {
    const world = await fundedWorld()
    const { ledger, device } = world
    const { claim } = device(1).commit()
    await ledger.submit([claim(2)], 'a')
    const stated = leafAt(world, 50n)
    const second = signedOf(world, 50n, { evidencePaid: 20n })
    expect(await ledger.submitStatement(second, 'b')).toMatchObject({ paid: 30n, total: 50n })
    const leaf = leafOf(stated, 1)
    const results = await ledger.submit([claim(4, { leaf }), claim(7, { leaf })], 'c')
    expect(results).toMatchObject([
      { status: 'repeated', paid: 0n, cumulative: 50n },
      { status: 'paid', paid: 20n, cumulative: 70n },
    ])
    expect(await ledger.submit([claim(8, { leaf })], 'd')).toMatchObject([{ paid: 10n }])
    expect(ledger.audit()).toEqual([])
  })

  it('counts from 0 where the statement has an empty leaf', async () => {
    const world = await fundedWorld()
    await world.ledger.submitStatement(signedOf(world, 20n), 'a')
    const leaf = leafOf(leafAt(world, 20n), 2)
    const { claim } = world.device(2).commit()
    expect(await world.ledger.submit([claim(3, { leaf })], 'b')).toMatchObject([{ paid: 30n }])
  })

  it.each([
    ['another amount', { amount: 19n }],
    ['an empty leaf in place of one that is not', { amount: 0n, channelId: 'empty' as const }],
    ['a shorter path', { path: [] }],
  ])('(!) refuses %s', async (_, changes) => {
    const world = await fundedWorld()
    await world.ledger.submitStatement(signedOf(world, 20n), 'a')
    const leaf = { ...leafOf(leafAt(world, 20n), 1), ...changes }
    const { claim } = world.device(1).commit()
    const [result] = await world.ledger.submit([claim(3, { leaf })], 'b')
    expect(result).toMatchObject({ status: 'refused', reason: 'wrong_leaf', paid: 0n })
  })

  it('(!) takes a leaf of another channel for a refusal, never for 0', async () => {
    const world = await fundedWorld()
    const { ledger, allocation, device } = world
    const stated = [{ position: 1, channelId: device(2).channelId, amount: 20n }]
    await ledger.submitStatement(statementOf(ledger.domain, allocation.id, stated), 'a')
    const claim = device(1)
      .commit()
      .claim(3, { leaf: leafOf(stated, 1) })
    const [result] = await ledger.submit([claim], 'b')
    expect(result).toMatchObject({ status: 'refused', reason: 'foreign_leaf', paid: 0n })
  })

  it('(!) makes a statement void that was signed before it', async () => {
    const world = await fundedWorld()
    const waiting = signedOf(world, 40n, { sequence: 2 })
    const { claim } = world.device(1).commit()
    await world.ledger.submit([claim(3)], 'a')
    const late = await world.ledger.submitStatement(waiting, 'b')
    expect(late).toMatchObject({ reason: 'evidence_differs', total: 30n })
    expect(world.ledger.audit()).toEqual([])
  })
})
