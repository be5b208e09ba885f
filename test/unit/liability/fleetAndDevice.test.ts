/** A fleet or a device that fails or lies, in each way of docs/liability.md: who loses what. */
import { describe, expect, test } from 'vitest'
import { DAY_SECONDS, leafOf, START_SECONDS, statementOf } from '../ledger/world.ts'
import { liabilityWorld, nobody } from './accounts.ts'

const USED = 700n
const leafFor = (channelId: Uint8Array, amount: bigint) => [{ position: 1, channelId, amount }]

async function used(funds?: bigint) {
  const world = await liabilityWorld(funds)
  const one = world.device(1)
  const stated = (amount: bigint, changes = {}) => {
    const leaves = leafFor(one.channelId, amount)
    return statementOf(world.ledger.domain, world.allocation.id, leaves, changes)
  }
  return { ...world, one, epoch: one.commit(), stated }
}

describe('a fleet', () => {
  test('that refuses to co-sign: evidence settles, nobody loses', async () => {
    const { state, stated, show, epoch, losses } = await used()
    const { fleetSignature, ...unsigned } = stated(700n)
    const forged = { ...unsigned, fleetSignature: fleetSignature.map((byte) => byte ^ 1) }
    expect(await state(forged)).toBe('bad_fleet_signature')
    await show(epoch.claim(70))
    expect(await losses(USED)).toEqual(nobody)
  })

  test('that sits on a statement: void once evidence was paid, or it expired', async () => {
    const { state, stated, show, epoch, losses, time } = await used()
    const kept = stated(400n, { sequence: 1, expiry: START_SECONDS + 600 })
    await show(epoch.claim(70))
    expect(await state(kept)).toBe('evidence_differs')
    await time.advance(601_000)
    expect(await state(kept)).toBe('expired')
    expect(await losses(USED)).toEqual(nobody)
  })

  test('that hands in a low statement first: evidence pays the rest', async () => {
    const { state, stated, show, epoch, one, losses } = await used()
    await state(stated(400n))
    expect(await losses(USED)).toEqual({ fleet: 0n, payee: 300n })
    await show(epoch.claim(70, { leaf: leafOf(leafFor(one.channelId, 400n), 1) }))
    expect(await losses(USED)).toEqual(nobody)
  })

  test.each([
    ['nobody loses, as long as somebody settles within the notice', 'settles', nobody],
    ['the payee loses what nobody settled, and no more', 'is away', { fleet: 0n, payee: USED }],
  ] as const)('that withdraws early: %s', async (_, gateway, lost) => {
    const { ledger, allocation, show, epoch, one, losses, time } = await used()
    const mandate = one.signMandate({ claimUntil: START_SECONDS + 30 * DAY_SECONDS })
    await ledger.requestWithdrawal(allocation.id, allocation.setAside, 'back')
    await expect(ledger.completeWithdrawal(allocation.id, 'back')).rejects.toThrow(/in its notice/)
    const notice = allocation.withdrawalNoticeSeconds
    await time.advance((notice - 1) * 1_000)
    if (gateway === 'settles') await show(epoch.claim(70, { mandate }))
    await time.advance(1_000)
    await ledger.completeWithdrawal(allocation.id, 'back')
    const [reason] = await show(epoch.claim(70, { mandate }))
    expect(reason).toBe(gateway === 'settles' ? undefined : 'no_funds')
    expect(await losses(USED)).toEqual(lost)
  })

  test('that replaces a mandate mid-way: what was allowed before is paid under it', async () => {
    const { show, epoch, one, losses } = await used()
    const lower = one.signMandate({ sequence: 2, limit: 300n })
    expect(await show(epoch.claim(70, { mandate: lower }))).toEqual(['over_mandate'])
    await show(epoch.claim(70, { mandate: one.mandate }))
    expect(await losses(USED)).toEqual(nobody)
  })

  test('and two mandates do not add up: the higher limit is the ceiling', async () => {
    const { show, one, paid } = await used()
    const [low, high] = [300n, 500n].map((limit) => one.signMandate({ limit }))
    const epoch = one.commit()
    await show(epoch.claim(30, low ? { mandate: low } : {}))
    await show(epoch.claim(50, high ? { mandate: high } : {}))
    expect(await show(epoch.claim(51, high ? { mandate: high } : {}))).toEqual(['over_mandate'])
    expect(await paid()).toBe(500n)
  })
})

describe('a device', () => {
  test('that signs two commitments for one epoch owes the higher, never the sum', async () => {
    const { show, one, epoch, losses } = await used()
    const other = one.commit({ startReading: 7n })
    await show(other.claim(40))
    await show(epoch.claim(70))
    await show(other.claim(60))
    expect(await losses(USED)).toEqual(nobody)
    const mixed = epoch.claim(80, { word: other.claim(80).word })
    expect(await show(mixed)).toEqual(['bad_word'])
    expect(await losses(USED)).toEqual(nobody)
  })

  test('that signs a lower epoch again takes nothing back', async () => {
    const { show, one, epoch, losses } = await used()
    await show(epoch.claim(70))
    const again = one.commit({ epoch: 1, base: 0n, length: 10 })
    const later = one.commit({ epoch: 2, base: 200n, length: 10 })
    expect(await show(again.claim(10), later.claim(10))).toEqual([undefined, undefined])
    expect(await losses(USED)).toEqual(nobody)
  })

  test('whose position is reused: the second channel is not paid for', async () => {
    const { show, epoch, device, losses, paid } = await used()
    await show(epoch.claim(70))
    const second = device(2, { position: 1 })
    expect(await show(second.commit().claim(50))).toEqual(['position_taken'])
    // The payee of a gateway that gives a position twice bears what it supplied for the second.
    expect(await losses(USED + 500n)).toEqual({ fleet: 0n, payee: 500n })
    expect(await paid()).toBe(USED)
  })
})
