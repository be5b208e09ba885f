/**
 * A gateway's settlement in a process of its own, which kills itself at one step.
 * @module
 */
import type { PostgresPlace } from '../../ledger/postgres/io/pgDatabase.ts'
import { openTestDatabase } from './databases.ts'
import { openPostgres } from './ledgers.ts'
import { die, obeyOnce } from './orders.ts'
import { type SettleJob, settle } from './settleJob.ts'
import { withSteps } from './steps.ts'

export type ChildOrder = {
  readonly place: PostgresPlace
  readonly fleet: string
  readonly job: SettleJob
  readonly step: string
}

async function obey({ place, fleet, job, step }: ChildOrder): Promise<never> {
  let isArmed = false
  const database = withSteps(openTestDatabase(place), async (now) => {
    if (isArmed && now === step) await die(step)
  })
  const ledger = await openPostgres(database)
  const all = await ledger.allocations()
  const allocation = all.find((one) => one.fleet === fleet)
  if (!allocation) throw new Error(`no allocation of ${fleet}`)
  isArmed = true
  await settle(ledger, allocation, job)
  throw new Error(`step "${step}" never came`)
}

obeyOnce(obey)
