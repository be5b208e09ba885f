/**
 * Settlements that are killed between every two steps, by SIGKILL to a process of its own, and
 * those whose connection is cut there. Whatever happened, there is exactly one payment afterwards.
 * `npm run ledger-faults -- --kills 600` kills more often.
 */
import { describe, expect, it } from 'vitest'
import type { AllocationState } from '../../ledger/ledger.ts'
import type { PostgresLedger } from '../../ledger/postgres/postgresLedger.ts'
import { allocationTerms } from '../unit/ledger/world.ts'
import { openTestDatabase } from './databases.ts'
import { killers, PER_KILL_MS, roundsOf, tellKills } from './killing.ts'
import { openPostgres } from './ledgers.ts'
import { testServer } from './postgresServer.ts'
import { postgresWorlds } from './postgresWorld.ts'
import type { ChildOrder } from './settleChild.ts'
import {
  AMOUNT_PER_JOB,
  CLAIMS_PER_JOB,
  keyOfJob,
  type SettleJob,
  type SettleKind,
  settle,
} from './settleJob.ts'
import { claimSteps, statementSteps, withSteps } from './steps.ts'

const server = testServer()
const open = postgresWorlds(server)
const kinds = { claims: claimSteps, statement: statementSteps } as const
const STEPS = claimSteps.length + statementSteps.length
const killer = killers<ChildOrder>('test/ledger/settleChild.ts')

/** A fleet for each kind of settlement, because each changes what the other would say. */
async function openSite() {
  const { ledger, database } = await open()
  const of = async (kind: SettleKind) => {
    const { id } = await ledger.openAllocation({ ...allocationTerms, fleet: kind })
    return ledger.fund(id, 1_000_000n, `deposit-${kind}`)
  }
  const allocations = { claims: await of('claims'), statement: await of('statement') }
  return { ledger, database, allocations }
}
type Site = Awaited<ReturnType<typeof openSite>>

/** Payments that were booked for the job. */
async function payments({ database }: Site, job: SettleJob) {
  const [row] = await server.sql(
    database,
    `SELECT count(*)::int AS count, coalesce(sum(amount), 0)::text AS amount
       FROM tickpay.transfers WHERE reference = $1 AND kind <> 'fee'`,
    [keyOfJob(job)],
  )
  return row
}

const onePayment = {
  claims: { count: CLAIMS_PER_JOB, amount: `${AMOUNT_PER_JOB}` },
  statement: { count: 1, amount: `${AMOUNT_PER_JOB}` },
} as const

/** The gateway starts again and settles what its outbox holds. */
async function settleAgain(site: Site, ledger: PostgresLedger, job: SettleJob): Promise<void> {
  await settle(ledger, site.allocations[job.kind], job)
  expect(await payments(site, job)).toEqual(onePayment[job.kind])
}

async function expectPaid(site: Site, allocation: AllocationState, jobs: number): Promise<void> {
  const state = await site.ledger.allocation(allocation.id)
  expect(state).toMatchObject({ paid: AMOUNT_PER_JOB * BigInt(jobs) })
  expect(await site.ledger.audit()).toEqual([])
}

describe.each(['claims', 'statement'] as const)('a settlement of %s', (kind) => {
  const steps = kinds[kind]
  const rounds = roundsOf(STEPS)

  it('takes the steps that are listed, and no others', async () => {
    const { database, allocations } = await openSite()
    const seen: string[] = []
    const watched = withSteps(openTestDatabase(server.place(database)), (step) => {
      seen.push(step)
    })
    const ledger = await openPostgres(watched)
    seen.length = 0
    await settle(ledger, allocations[kind], { kind, number: 0 })
    await ledger.close()
    expect(seen).toEqual(steps)
  })

  it('is paid exactly once when it is killed between any two steps', {
    timeout: 60_000 + PER_KILL_MS * rounds * steps.length,
  }, async () => {
    const site = await openSite()
    const all = Array.from({ length: rounds }, () => steps).flat()
    const before: Record<string, number> = {}
    const { killWith, end } = killer()
    const place = server.place(site.database)
    for (const [number, step] of all.entries()) {
      const job = { kind, number }
      expect(await killWith({ place, fleet: kind, job, step }), step).toBe('SIGKILL')
      const found = await payments(site, job)
      before[step] = (before[step] ?? 0) + (found?.['count'] === 0 ? 0 : 1)
      await settleAgain(site, site.ledger, job)
    }
    end()
    await expectPaid(site, site.allocations[kind], all.length)
    expect(before['before commit']).toBe(0)
    expect(before['after commit']).toBe(rounds)
    tellKills(kind, rounds, before)
  })

  it('is paid exactly once when the connection is cut at any step', {
    timeout: 60_000,
  }, async () => {
    const site = await openSite()
    for (const [number, step] of steps.entries()) {
      const job = { kind, number }
      let pid: unknown
      let isArmed = false
      const database = withSteps(
        openTestDatabase(server.place(site.database)),
        async (now, connection) => {
          if (!isArmed) return
          if (now === 'before begin') {
            pid = (await connection.query('SELECT pg_backend_pid() AS pid'))[0]?.['pid']
          }
          if (now !== step) return
          isArmed = false
          await server.sql('postgres', 'SELECT pg_terminate_backend($1)', [pid])
        },
      )
      const ledger = await openPostgres(database)
      isArmed = true
      await settleAgain(site, ledger, job)
      expect(isArmed, step).toBe(false)
      await ledger.close()
    }
    await expectPaid(site, site.allocations[kind], steps.length)
  })
})
