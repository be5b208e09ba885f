/**
 * A gateway's settlement with its own ledger in a process of its own, which kills itself at one
 * step. First it ends what the process before it has left.
 * @module
 */
import { expectPaid, openSite, pay, settleAll, type Terms } from './gatewaySite.ts'
import { die, obeyOnce } from './orders.ts'
import type { SettleJob } from './settleJob.ts'

export type ChildOrder = {
  readonly folder: string
  readonly terms: Terms
  readonly job: SettleJob
  readonly step: string
}

obeyOnce<ChildOrder>(async ({ folder, terms, job, step }) => {
  const site = await openSite(folder, job.kind)
  await settleAll(site)
  await expectPaid(site, job.number)
  await pay(site, terms, job.number + 1)
  site.arm(job.kind, async (now) => {
    if (now === step) await die(step)
  })
  await settleAll(site)
  throw new Error(`step "${step}" never came`)
})
