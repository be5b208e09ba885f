/** A gateway that lies, in each of the ways of docs/liability.md: who loses what. */
import { describe, expect, test } from 'vitest'
import { readDeviceReport } from '../../../fleet/reports.ts'
import { differencesOf, type Known } from '../../../fleet/statementCheck.ts'
import { present } from '../../../protocol/assert.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { StatementLeaf } from '../../../protocol/merkle.ts'
import { fakeChannel, reportOf } from '../../support/fleetGateway.ts'
import { DAY_SECONDS, leafOf, START_SECONDS, statementOf } from '../ledger/world.ts'
import { liabilityWorld, nobody } from './accounts.ts'

const USED = 700n

/** A device that used 700 and has shown the words for it. */
async function used() {
  const world = await liabilityWorld()
  const device = world.device(1)
  const epoch = device.commit()
  const leaves = (amount: bigint): StatementLeaf[] => [
    { position: 1, channelId: device.channelId, amount },
  ]
  const stated = (amount: bigint, changes = {}) =>
    statementOf(world.ledger.domain, world.allocation.id, leaves(amount), changes)
  return { ...world, one: device, epoch, leaves, stated }
}

type Lied = Awaited<ReturnType<typeof used>>

describe('by evidence a gateway gets no more than words that devices showed', () => {
  test.each([
    // It knows w_70 and everything before it, and no word after it.
    [
      'T09 of more ticks than were shown',
      ({ epoch }: Lied) => epoch.claim(90, { word: epoch.claim(70).word }),
      'bad_word',
    ],
    [
      'T09 of a word that it made up',
      ({ epoch }: Lied) => epoch.claim(71, { word: new Uint8Array(32) }),
      'bad_word',
    ],
    [
      'T11 at a higher price',
      ({ epoch }: Lied) => {
        const { value, signature } = epoch.commitment
        return epoch.claim(70, {
          commitment: { value: { ...value, pricePerTick: 20n }, signature },
        })
      },
      'bad_commitment_signature',
    ],
    [
      'T11 at a higher base',
      ({ epoch }: Lied) => {
        const { value, signature } = epoch.commitment
        return epoch.claim(70, { commitment: { value: { ...value, base: 500n }, signature } })
      },
      'bad_commitment_signature',
    ],
    [
      'T09 beyond the limit of the mandate',
      ({ epoch, one }: Lied) => epoch.claim(70, { mandate: one.signMandate({ limit: 699n }) }),
      'over_mandate',
    ],
  ] as const)('%s: a refusal, and the honest claim still pays', async (_, lie, reason) => {
    const world = await used()
    expect(await world.show(lie(world))).toEqual([reason])
    expect(await world.paid()).toBe(0n)
    await world.show(world.epoch.claim(70))
    expect(await world.losses(USED)).toEqual(nobody)
  })

  test('T60 the same claim in whatever number, order and division is paid once', async () => {
    const { epoch, show, losses } = await used()
    await show(epoch.claim(70), epoch.claim(30), epoch.claim(70))
    await show(epoch.claim(30))
    await show(epoch.claim(70), epoch.claim(70))
    expect(await losses(USED)).toEqual(nobody)
  })

  test('T10 evidence and statement of the same use are paid once, in either order', async () => {
    const first = await used()
    await first.state(first.stated(700n))
    await first.show(first.epoch.claim(70, { leaf: leafOf(first.leaves(700n), 1) }))
    expect(await first.losses(USED)).toEqual(nobody)
    const second = await used()
    await second.show(second.epoch.claim(70))
    expect(await second.state(second.stated(700n))).toBe('evidence_differs')
    expect(await second.state(second.stated(700n, { evidencePaid: 700n }))).toBeUndefined()
    expect(await second.losses(USED)).toEqual(nobody)
  })
})

describe('T17 a gateway that settles an old state loses by itself', () => {
  test('and nothing, once the newest is shown before claimUntil', async () => {
    const { epoch, show, losses } = await used()
    await show(epoch.claim(20))
    expect(await losses(USED)).toEqual({ fleet: 0n, payee: 500n })
    await show(epoch.claim(70))
    expect(await losses(USED)).toEqual(nobody)
    await show(epoch.claim(20))
    expect(await losses(USED)).toEqual(nobody)
  })

  test('T64 and what it never showed, when claims have run out', async () => {
    const { epoch, show, losses, time } = await used()
    await show(epoch.claim(20))
    await time.advance((8 * DAY_SECONDS + 1) * 1_000)
    expect(await show(epoch.claim(70))).toEqual(['mandate_expired'])
    // What was not settled by then: the exposure of the channel, and not the deposit.
    expect(await losses(USED)).toEqual({ fleet: 0n, payee: 500n })
  })
})

describe('with a fleet that co-signs, at most what it tolerates', () => {
  const channel = fakeChannel('ev-1')
  const id = channel.channelId
  const report = present(readDeviceReport(reportOf({ ...channel, paid: USED })), 'a report')
  const told = (amount: bigint, changes: Partial<Known> = {}): Known => ({
    nowSeconds: START_SECONDS,
    before: undefined,
    // The gateway's own report says whatever it likes.
    channels: new Map([
      [id, { ...present(report.channels[0], 'a channel'), paid: amount, unitsPaid: amount / 10n }],
    ]),
    paidReadings: new Map([[id, USED / 10n]]),
    paidAmounts: new Map([[id, USED]]),
    tolerances: {
      toleranceUnits: new Map([['Wh', 4n]]),
      toleranceAmount: 40n,
      unreadAmountMax: 0n,
    },
    ...changes,
  })

  /** The most that a statement can say of the channel and still be signed. */
  function mostSigned(changes: Partial<Known> = {}): bigint {
    let most = 0n
    for (let amount = 0n; amount <= 1_200n; amount += 10n) {
      const channelId = new Uint8Array(Buffer.from(id, 'hex'))
      const leaves = [{ position: 0, channelId, amount }]
      const { statement } = statementOf(
        { chainId: 0n, verifyingContract: new Uint8Array(20) },
        new Uint8Array(32),
        leaves,
      )
      const known = told(amount, changes)
      if (differencesOf(statement, leaves, known).length === 0) most = amount
    }
    return most
  }

  test('T09 T10 T11 the largest lie that is signed is the stated tolerance', () => {
    expect(mostSigned() - USED).toBe(40n)
  })

  test('T09 a device that tells nothing: what may grow unread, 0 unless configured', () => {
    const silent = { paidReadings: new Map(), paidAmounts: new Map() }
    expect(mostSigned(silent)).toBe(0n)
    const tolerances = { toleranceUnits: new Map(), toleranceAmount: 0n, unreadAmountMax: 90n }
    expect(mostSigned({ ...silent, tolerances })).toBe(90n)
    expect(bytesToHex(new Uint8Array(Buffer.from(id, 'hex')))).toBe(id)
  })

  test('whatever it signs, the fleet loses no more than its deposit', async () => {
    const { state, stated, losses, allocation } = await used()
    expect(await state(stated(allocation.setAside + 1n))).toBe('no_funds')
    await state(stated(allocation.setAside))
    expect(await losses(USED)).toEqual({ fleet: allocation.setAside - USED, payee: 0n })
  })
})
