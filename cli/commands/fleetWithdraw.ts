/**
 * `tickpay fleet withdraw`
 * @module
 */
import { randomBytes } from 'node:crypto'
import {
  amountToAsk,
  dateText,
  mustBeAlone,
  withdrawalToExecute,
} from '../../ledger/owner/withdrawal.ts'
import { typedAmount } from '../amounts.ts'
import { defineCommand, flag, jsonOption, optionalArgument, text } from '../command.ts'
import { type ExitCode, exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions } from '../gatewayOptions.ts'
import { type OwnerPlace, withOwner } from '../io/ownerDesk.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'

export const command = defineCommand({
  summary: 'Takes money back that was set aside: announces it, and executes it after the notice',
  details: [
    'Give an amount, or "all", to announce a withdrawal: from then on no new commitment counts on',
    'the money. It can be claimed until the notice is over; then --execute pays out what claims',
    'have left of it. --dry-run says what would happen and changes nothing.',
    '',
    'With --owner it acts for the owner of the fleet at the ledger itself: with the key of the',
    'owner at a contract, with a login that has tickpay_operator in PostgreSQL. With --fleet it',
    'asks the gateway, for an embedded ledger or one that the gateway books for.',
  ],
  arguments: { amount: optionalArgument('minor units (5000), decimal with code (50EUR), or all') },
  options: {
    owner: text('FILE', 'where the money is, for example owner.yaml'),
    fleet: text('FLEET', 'whose money, at the ledger of a gateway'),
    ...gatewayOptions,
    execute: flag('executes a withdrawal whose notice is over'),
    reference: text('TEXT', 'name of the withdrawal, where several wait or to repeat a command'),
    'dry-run': flag('only says what would happen, and when'),
    ...jsonOption,
  },
  examples: [
    'tickpay fleet withdraw all --owner owner.yaml --dry-run',
    'tickpay fleet withdraw 50EUR --owner owner.yaml',
    'tickpay fleet withdraw --execute --owner owner.yaml',
    'tickpay fleet withdraw 50EUR --fleet acme --config gateway.yaml',
  ],
  run: (values, terminal) => {
    const { amount, execute, reference, json, 'dry-run': dryRun, ...place } = values
    if (execute === (amount !== undefined)) {
      throw new UsageError('give an amount to announce a withdrawal, or --execute, not both')
    }
    const say = (result: Result) => show(result, json, terminal)
    return withOwner(place, terminal, (open) => {
      if (amount === undefined) return executeOne(open, reference, dryRun, say)
      return announce(open, amount, reference, dryRun, say)
    })
  },
})

type Say = (result: Result) => ExitCode

type Result = {
  readonly outcome: 'announced' | 'would_announce' | 'executed' | 'would_execute'
  readonly reference: string
  readonly amount: bigint
  /** Seconds since 1970; null where the ledger has not said it yet. */
  readonly availableAtSeconds: number | null
}

const nowSeconds = () => Math.floor(Date.now() / 1_000)

async function announce(
  { desk, rule }: OwnerPlace,
  typed: string,
  named: string | undefined,
  isDry: boolean,
  say: Say,
): Promise<ExitCode> {
  const before = await desk.standing()
  const known = before.withdrawing.find((one) => one.reference === named)
  if (known) return say({ outcome: 'announced', ...known })
  mustBeAlone(before, rule, nowSeconds())
  const amount = amountToAsk(before, typed === 'all' ? 'all' : typedAmount(typed, before.asset))
  const reference = named ?? `withdrawal-${randomBytes(8).toString('hex')}`
  if (isDry) {
    const { withdrawalNoticeSeconds: notice } = before
    const availableAtSeconds = notice === undefined ? null : nowSeconds() + notice
    return say({ outcome: 'would_announce', reference, amount, availableAtSeconds })
  }
  await desk.request(amount, reference)
  const { withdrawing } = await desk.standing()
  // A contract has names of its own.
  const found = withdrawing.find((one) => one.reference === reference) ?? withdrawing[0]
  if (found) return say({ outcome: 'announced', ...found })
  return say({ outcome: 'announced', reference, amount, availableAtSeconds: null })
}

async function executeOne(
  { desk }: OwnerPlace,
  named: string | undefined,
  isDry: boolean,
  say: Say,
): Promise<ExitCode> {
  const standing = await desk.standing()
  const { reference, amount, availableAtSeconds } = withdrawalToExecute(
    standing,
    named,
    nowSeconds(),
  )
  if (isDry) {
    const left = standing.setAside - standing.paid
    const least = amount < left ? amount : left
    return say({ outcome: 'would_execute', reference, amount: least, availableAtSeconds })
  }
  const returned = await desk.complete(reference)
  return say({ outcome: 'executed', reference, amount: returned, availableAtSeconds })
}

function show(result: Result, json: boolean, terminal: Terminal): ExitCode {
  const { outcome, reference, amount, availableAtSeconds } = result
  if (json) terminal.out(jsonText({ ...result, amount: `${amount}` }))
  else {
    const from =
      availableAtSeconds === null ? 'the end of its notice' : dateText(availableAtSeconds)
    const lines: Readonly<Record<Result['outcome'], string>> = {
      announced: `announced ${reference}: ${amount} minor units, to be executed from ${from} on`,
      would_announce: `would announce ${amount} minor units, to be executed from ${from} on`,
      executed: `executed ${reference}: ${amount} minor units came back`,
      would_execute: `would execute ${reference}: ${amount} minor units would come back now`,
    }
    terminal.out(lines[outcome])
  }
  return exitCodes.ok
}
