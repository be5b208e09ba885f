/**
 * Taking money back that a fleet has set aside: what is asked for, when it may leave, and why it
 * may not yet. Pure; each ledger enforces the same by itself.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import type { AllocationState, Withdrawal } from '../ledger.ts'

export type Standing = Pick<
  AllocationState,
  'asset' | 'setAside' | 'paid' | 'available' | 'withdrawing'
> & {
  /** Unknown where a gateway stands in between. */
  readonly withdrawalNoticeSeconds?: number
}

/** What acts for the fleet's owner at one allocation. */
export type OwnerDesk = {
  readonly standing: () => Promise<Standing>
  readonly request: (amount: bigint, reference: string) => Promise<void>
  /** Minor units that came back. */
  readonly complete: (reference: string) => Promise<bigint>
}

/**
 * Minor units to ask for; `all` is what nothing was asked back of yet.
 * @throws OperatorError when there is not so much
 */
export function amountToAsk(standing: Standing, wanted: bigint | 'all'): bigint {
  const { setAside, paid, withdrawing, asset } = standing
  const asked = withdrawing.reduce((sum, { amount }) => sum + amount, 0n)
  const left = setAside - paid - asked
  const amount = wanted === 'all' ? left : wanted
  if (amount > 0n && amount <= left) return amount
  const already = asked > 0n ? `, ${asked} asked back already` : ''
  throw new OperatorError(
    `${wanted} minor units of ${asset.code} cannot be withdrawn: ${setAside} were set aside, ` +
      `${paid} paid${already}, so at most ${left > 0n ? left : 0n} are left`,
  )
}

/** Ledgers where a second request has to wait for the first. */
export type RequestRule = 'one at a time' | 'many'

/** @throws OperatorError when a request waits already and may not have company */
export function mustBeAlone({ withdrawing }: Standing, rule: RequestRule, nowSeconds: number) {
  const [first] = withdrawing
  if (rule === 'many' || !first) return
  throw new OperatorError(
    `a withdrawal of ${first.amount} waits already, and this ledger has one at a time: ` +
      `execute it with --execute ${whenText(first, nowSeconds)}`,
  )
}

/**
 * The withdrawal to execute.
 * @throws OperatorError when none waits, it is not clear which, or its notice is not over
 */
export function withdrawalToExecute(
  { withdrawing }: Standing,
  reference: string | undefined,
  nowSeconds: number,
): Withdrawal {
  const named = withdrawing.filter((one) => !reference || one.reference === reference)
  const [first, second] = [...named].sort((a, b) => a.availableAtSeconds - b.availableAtSeconds)
  if (!first) {
    const known = withdrawing.map((one) => one.reference).join(', ')
    const advice = known === '' ? 'announce one first' : `there are ${known}`
    throw new OperatorError(`no withdrawal ${reference ?? ''} waits: ${advice}`.replace('  ', ' '))
  }
  if (second) {
    const known = named.map((one) => one.reference).join(', ')
    throw new OperatorError(`several withdrawals wait: name one with --reference (${known})`)
  }
  if (nowSeconds >= first.availableAtSeconds) return first
  throw new OperatorError(
    `the notice of ${first.reference} is not over: it can be executed ` +
      whenText(first, nowSeconds),
  )
}

function whenText({ availableAtSeconds }: Withdrawal, nowSeconds: number): string {
  const minutes = Math.ceil((availableAtSeconds - nowSeconds) / 60)
  if (minutes <= 0) return 'now'
  const days = Math.floor(minutes / 1_440)
  const hours = Math.floor((minutes % 1_440) / 60)
  return `from ${dateText(availableAtSeconds)} on, in ${days} d ${hours} h ${minutes % 60} min`
}

/** In UTC, to the second. */
export function dateText(seconds: number): string {
  return `${new Date(seconds * 1_000).toISOString().slice(0, 19)}Z`
}
