/**
 * Several processes at one ledger in PostgreSQL, and a database that goes away for a while.
 */
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../ledger/ledger.ts'
import { until } from '../support/until.ts'
import { allocationTerms, deviceOf } from '../unit/ledger/world.ts'
import { fundedContract } from './contractWorld.ts'
import { testServer } from './postgresServer.ts'
import { postgresWorlds } from './postgresWorld.ts'

const server = testServer()
const open = postgresWorlds(server)

/** Ends all connections to a database, as a restart of the server does. */
const cutAll = (database: string) =>
  server.sql(
    'postgres',
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
    [database],
  )

describe('several processes', () => {
  // T60
  it('that show the same claims at once get each paid once', async () => {
    const world = await open()
    const { ledger, device, state } = await fundedContract(async () => world)
    const others = [ledger, await world.reopen(), await world.reopen()]
    const claims = Array.from({ length: 12 }, (_, place) => device(place).commit().claim(5))
    const rotated = (by: number) => [...claims.slice(by), ...claims.slice(0, by)]
    const results = await Promise.all(
      others.flatMap((one, place) => [
        one.submit(rotated(place), `a${place}`),
        one.submit(rotated(5 + place), `b${place}`),
        one.submit(claims, 'same'),
      ]),
    )
    const paid = results.flat().reduce((sum, one) => sum + one.paid, 0n)
    expect(results.flat().map(({ status }) => status)).not.toContain('refused')
    // The key "same" tells its results again to whoever repeats it.
    expect(paid).toBeGreaterThanOrEqual(600n)
    expect(await state()).toMatchObject({ paid: 600n, fee: 6n })
    expect(await ledger.audit()).toEqual([])
  })

  it("of different gateways with one payee do not stand in each other's way", async () => {
    const world = await open()
    const { ledger } = world
    const gateways = ['gate-1', 'gate-2', 'gate-3']
    const rounds = 4
    await Promise.all(
      gateways.map(async (gateway) => {
        const own = await world.reopen()
        const { id } = await own.openAllocation({ ...allocationTerms, gateway })
        const allocation = await own.fund(id, 10_000n, `deposit-${gateway}`)
        for (let round = 0; round < rounds; round++) {
          const claims = Array.from({ length: 5 }, (_, place) =>
            deviceOf(own.domain, allocation, round * 5 + place)
              .commit()
              .claim(10),
          )
          const results = await own.submit(claims, `${gateway}-${round}`)
          expect(results.map(({ status }) => status)).toEqual(claims.map(() => 'paid'))
        }
      }),
    )
    const [earned] = await ledger.balance(`payee:0x${'07'.repeat(20)}`)
    expect(earned?.amount).toBe((BigInt(gateways.length * rounds * 5 * 100) * 99n) / 100n)
    expect(await ledger.audit()).toEqual([])
  })

  it('hear what the others do, each change once, also behind a cut line', async () => {
    const world = await open()
    const { ledger, allocation } = await fundedContract(async () => world)
    const other = await world.reopen()
    const heard: LedgerEvent['kind'][] = []
    const cancel = ledger.follow(({ kind }) => heard.push(kind))
    await other.fund(allocation.id, 5n, 'deposit-2')
    await until('the news', () => heard.length === 1)
    await cutAll(world.database)
    await other.requestWithdrawal(allocation.id, 5n, 'out')
    await until('the news', () => heard.length === 2)
    await ledger.fund(allocation.id, 5n, 'deposit-3')
    await other.fund(allocation.id, 5n, 'deposit-4')
    await until('the news', () => heard.length === 4)
    cancel()
    expect(heard).toEqual(['funded', 'withdrawal_requested', 'funded', 'funded'])
  })
})

describe('a database that was away', () => {
  it('is used again, and what was asked meanwhile is done once', async () => {
    const world = await open()
    const { ledger, device, allocation, state } = await fundedContract(async () => world)
    for (let round = 0; round < 5; round++) {
      await cutAll(world.database)
      const [paid] = await ledger.submit([device(round).commit().claim(3)], `k${round}`)
      expect(paid).toMatchObject({ status: 'paid', paid: 30n })
      await cutAll(world.database)
      await ledger.fund(allocation.id, 1n, `more-${round}`)
    }
    expect(await state()).toMatchObject({ paid: 150n, setAside: 1_000_005n })
    expect(await ledger.audit()).toEqual([])
  })
})
