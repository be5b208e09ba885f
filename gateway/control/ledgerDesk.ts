/**
 * What an operator does at a ledger that keeps its own books: fund, withdraw, and read them.
 * @module
 */
import * as v from 'valibot'
import type { EmbeddedLedger } from '../../ledger/embedded/embeddedLedger.ts'
import type { AllocationState } from '../../ledger/ledger.ts'
import { idValue, integerValue, textValue, uint64Value } from '../../ports/configTypes.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import { requireFleet } from '../enrolment.ts'
import type { Verb } from './verb.ts'
import { verb } from './verb.ts'

type Awaitable<T> = T | Promise<T>

export type LedgerDesk = Pick<
  EmbeddedLedger,
  'openAllocation' | 'allocations' | 'fund' | 'requestWithdrawal' | 'completeWithdrawal'
> & {
  readonly balance: (
    ...asked: Parameters<EmbeddedLedger['balance']>
  ) => Awaitable<ReturnType<EmbeddedLedger['balance']>>
  readonly entries: (
    ...asked: Parameters<EmbeddedLedger['entries']>
  ) => Awaitable<ReturnType<EmbeddedLedger['entries']>>
  readonly sum: () => Awaitable<string>
  /** Of the channels that were paid when the ledger was opened, at least the last position. */
  readonly channelsPaid: (allocation: Uint8Array) => Iterable<{ readonly position: number }>
}

const REFERENCE_BYTES = 8
const ENTRIES_DEFAULT = 1_000

export function ledgerVerbs(core: Core, desk: LedgerDesk): Record<string, Verb> {
  const move = v.strictObject({
    fleet: idValue,
    amount: uint64Value,
    reference: v.optional(textValue),
  })
  const complete = v.strictObject({ fleet: idValue, reference: textValue })
  const query = v.strictObject({
    account: v.optional(textValue),
    from: v.optional(integerValue(0, Number.MAX_SAFE_INTEGER)),
    limit: v.optional(integerValue(1, 10_000), ENTRIES_DEFAULT),
  })
  const newReference = (what: string) =>
    `${what}-${bytesToHex(core.ports.random.bytes(REFERENCE_BYTES))}`
  return {
    ledger_fund: verb(move, async ({ fleet, amount, reference }) => {
      const { allocation } = requireFleet(core, fleet)
      return describe(await desk.fund(allocation, amount, reference ?? newReference('fund')))
    }),
    ledger_withdraw: verb(move, async ({ fleet, amount, reference }) => {
      const { allocation } = requireFleet(core, fleet)
      const name = reference ?? newReference('withdrawal')
      return {
        reference: name,
        ...describe(await desk.requestWithdrawal(allocation, amount, name)),
      }
    }),
    ledger_complete_withdrawal: verb(complete, async ({ fleet, reference }) => {
      const { allocation } = requireFleet(core, fleet)
      return { amount: (await desk.completeWithdrawal(allocation, reference)).toString() }
    }),
    ledger_balance: verb(v.strictObject({ account: v.optional(textValue) }), async ({ account }) =>
      plain({ balances: await desk.balance(account as never), sum: await desk.sum() }),
    ),
    ledger_allocations: verb(v.strictObject({}), async () =>
      (await desk.allocations()).map(describe),
    ),
    ledger_entries: verb(query, async ({ account, from, limit }) =>
      plain(await desk.entries({ account, from, limit } as never)),
    ),
  }
}

function describe(state: AllocationState) {
  return {
    allocation: bytesToHex(state.id),
    fleet: state.fleet,
    asset: state.asset,
    setAside: state.setAside.toString(),
    paid: state.paid.toString(),
    fee: state.fee.toString(),
    available: state.available.toString(),
    withdrawing: state.withdrawing.map((one) => ({
      reference: one.reference,
      amount: one.amount.toString(),
      availableAtSeconds: one.availableAtSeconds,
    })),
  }
}

/** JSON form: amounts as decimal strings, bytes as hex. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
}
