/**
 * One settlement on a chain, watched step by step, whoever carries it out.
 * @module
 */
import { type SettleJob, settle } from '../ledger/settleJob.ts'
import { type AdapterSite, openAdapter } from './adapter.ts'
import { type AtStep, withSteps } from './steps.ts'

/** A payment is seen in a block, and final in the next. */
const policy = { confirmations: 2 }

/** The job by a gateway that knows nothing yet; its polls make the blocks. */
export async function settleOnChain(
  site: AdapterSite,
  allocation: Uint8Array,
  job: SettleJob,
  atStep: AtStep,
): Promise<void> {
  const before = await openAdapter(site, { policy })
  const state = await before.ledger.allocation(allocation)
  if (!state) throw new Error('no such allocation')
  const node = { rpc: withSteps(site.node.rpc, atStep) }
  const { ledger } = await openAdapter({ ...site, node }, { policy })
  await settle(ledger, state, job)
  await atStep('after all')
}
