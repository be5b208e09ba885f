/**
 * A gateway's settlement in a process of its own, which kills itself at one step.
 * @module
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { PostgresPlace } from '../../ledger/postgres/io/pgDatabase.ts'
import { openTestDatabase } from './databases.ts'
import { openPostgres } from './ledgers.ts'
import { type SettleJob, settle } from './settleJob.ts'
import { withSteps } from './steps.ts'

export type ChildOrder = {
  readonly place: PostgresPlace
  readonly fleet: string
  readonly job: SettleJob
  readonly step: string
}

async function obey({ place, fleet, job, step }: ChildOrder): Promise<void> {
  let isArmed = false
  const database = withSteps(openTestDatabase(place), async (now) => {
    if (!isArmed || now !== step) return
    // So that what was said is on its way.
    if (now.startsWith('during')) await turn()
    process.kill(process.pid, 'SIGKILL')
  })
  const ledger = await openPostgres(database)
  const all = await ledger.allocations()
  const allocation = all.find((one) => one.fleet === fleet)
  if (!allocation) throw new Error(`no allocation of ${fleet}`)
  isArmed = true
  await settle(ledger, allocation, job)
  throw new Error(`step "${step}" never came`)
}

process.on('message', (order: ChildOrder) => {
  obey(order).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
    process.exit(1)
  })
})
