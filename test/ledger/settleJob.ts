/**
 * One settlement that is the same whoever carries it out: some claims or one statement, told by
 * a number.
 * @module
 */
import type { AllocationState, Ledger } from '../../ledger/ledger.ts'
import { deviceOf, statementOf } from '../unit/ledger/world.ts'

export type SettleKind = 'claims' | 'statement'
export type SettleJob = { readonly kind: SettleKind; readonly number: number }

export const CLAIMS_PER_JOB = 3
/** What each job pays, in minor units. */
export const AMOUNT_PER_JOB = 150n

export const keyOfJob = ({ kind, number }: SettleJob) => `${kind}-${number}`

/** Carries the job out; a repeat pays nothing more. */
export async function settle(
  ledger: Ledger,
  allocation: AllocationState,
  job: SettleJob,
): Promise<void> {
  const key = keyOfJob(job)
  const { domain } = ledger
  if (job.kind === 'statement') {
    const sequence = job.number + 1
    const total = AMOUNT_PER_JOB * BigInt(sequence)
    const submission = statementOf(domain, allocation.id, [], { sequence, total })
    const { status, reason } = await ledger.submitStatement(submission, key)
    if (status === 'refused') throw new Error(`statement ${sequence}: ${reason}`)
    return
  }
  const claims = Array.from({ length: CLAIMS_PER_JOB }, (_, place) =>
    deviceOf(domain, allocation, job.number * CLAIMS_PER_JOB + place)
      .commit()
      .claim(5),
  )
  for (const { status, reason } of await ledger.submit(claims, key)) {
    if (status === 'refused') throw new Error(`${key}: ${reason}`)
  }
}
