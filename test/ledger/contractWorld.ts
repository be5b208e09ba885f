/**
 * What the same tests need of every ledger: a new one with an allocation, and its clock.
 * @module
 */

import type { Balance, EntryPage, EntryQuery } from '../../ledger/embedded/reports.ts'
import type { AllocationState, Ledger } from '../../ledger/ledger.ts'
import type { OperatorDesk } from '../../ledger/operatorDesk.ts'
import type { Account } from '../../ledger/rules/accounting.ts'
import type { Channel } from '../../protocol/structures.ts'
import { allocationTerms, type Device, deviceOf } from '../unit/ledger/world.ts'

type Awaitable<T> = T | Promise<T>

export type ContractLedger = Ledger &
  OperatorDesk & {
    readonly allocations: () => Promise<readonly AllocationState[]>
    readonly balance: (account?: Account) => Awaitable<readonly Balance[]>
    readonly entries: (query: EntryQuery) => Awaitable<EntryPage>
    readonly sum: () => Awaitable<string>
    readonly audit: () => Awaitable<readonly string[]>
    readonly close: () => Promise<void>
  }

/** A ledger with nothing in it. */
export type ContractWorld = {
  readonly ledger: ContractLedger
  readonly advance: (seconds: number) => Promise<void>
  /** Another process at the same books, where the kind of ledger allows one. */
  readonly reopen: () => Promise<ContractLedger>
}

export type OpenContractWorld = () => Promise<ContractWorld>

export type FundedWorld = ContractWorld & {
  readonly allocation: AllocationState
  readonly device: (number: number, changes?: Partial<Channel>) => Device
  /** The allocation as it is now. */
  readonly state: () => Promise<AllocationState>
}

/** With one allocation of `amount`. */
export async function fundedContract(
  open: OpenContractWorld,
  amount = 1_000_000n,
): Promise<FundedWorld> {
  const world = await open()
  const { ledger } = world
  const { id } = await ledger.openAllocation(allocationTerms)
  const allocation = await ledger.fund(id, amount, 'deposit-1')
  const state = async () => {
    const found = await ledger.allocation(id)
    if (!found) throw new Error('the allocation is gone')
    return found
  }
  const device = (number: number, changes: Partial<Channel> = {}) =>
    deviceOf(ledger.domain, allocation, number, changes)
  return { ...world, allocation, device, state }
}
