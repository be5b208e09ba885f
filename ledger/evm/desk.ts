/**
 * What an operator sees of the contract, and what a gateway in a trial does as the fleet's owner.
 * Elsewhere the owner acts for itself, and the gateway cannot.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { algorithmByte } from '../../protocol/keys.ts'
import { allocationStructure, digestOf } from '../../protocol/structures.ts'
import type { Domain } from '../../protocol/typedData.ts'
import type { NewAllocation } from '../embedded/operator.ts'
import type { EntryPage, EntryQuery } from '../embedded/reports.ts'
import type { AllocationState } from '../ledger.ts'
import type { Account } from '../rules/accounting.ts'
import { noticeFor } from '../rules/allocationRules.ts'
import type { ContractCodec } from './chain.ts'
import { balancesOf, type ChainEvent, entriesOf } from './entries.ts'
import type { Known, Reader } from './reader.ts'
import type { Sender } from './sender.ts'
import { hexOf } from './states.ts'

export type DeskOptions = {
  readonly domain: Domain
  readonly codec: ContractCodec
  readonly reader: Reader
  readonly eventsOf: (id: Uint8Array) => Promise<readonly ChainEvent[]>
  /** Present in a trial only. */
  readonly owner:
    | { readonly sender: Sender; readonly token: string; readonly feeRecipient: string }
    | undefined
  readonly keccakText: (text: string) => string
}

const OWNER_GAS = 700_000n
const MANDATE_SECONDS = 24 * 3_600

export function createEvmDesk(options: DeskOptions) {
  const { domain, reader } = options
  const known = new Map<string, Uint8Array>()
  const mustKnow = async (id: Uint8Array): Promise<Known> => {
    const found = await reader.read(id)
    if (!found) throw new OperatorError('ledger evm: no such allocation in the contract')
    known.set(hexOf(id), id)
    return found
  }
  const act = async (id: Uint8Array, name: string, words: readonly unknown[]) => {
    const { opened } = await mustKnow(id)
    await asOwner(options, name, [termsWords(options, opened), ...words])
    return (await mustKnow(id)).state
  }
  const entries = async () => {
    const lists = [...known.values()].map(async (id) =>
      entriesOf(await options.eventsOf(id), id, (await mustKnow(id)).opened),
    )
    const all = (await Promise.all(lists)).flat()
    return all.map((entry, index) => ({ ...entry, number: index + 1 }))
  }
  return {
    openAllocation: async (wanted: NewAllocation): Promise<AllocationState> => {
      const id = digestOf(domain, allocationStructure, allocationOf(wanted))
      const found = await reader.read(id)
      if (!found) await asOwner(options, 'open', [openingOf(options, wanted), 0n])
      return (await mustKnow(id)).state
    },
    fund: (id: Uint8Array, amount: bigint, _reference: string) => act(id, 'fund', [amount]),
    requestWithdrawal: (id: Uint8Array, amount: bigint, _reference: string) =>
      act(id, 'requestWithdrawal', [amount]),
    completeWithdrawal: async (id: Uint8Array, _reference: string): Promise<bigint> => {
      const before = (await mustKnow(id)).state.setAside
      return before - (await act(id, 'withdraw', [])).setAside
    },
    /** Allocations that were asked for since the start. */
    allocations: async (): Promise<readonly AllocationState[]> =>
      Promise.all([...known.values()].map(async (id) => (await mustKnow(id)).state)),
    entries: async (query: EntryQuery): Promise<EntryPage> => {
      const { account, from = 1, limit = 1_000 } = query
      const found = (await entries()).filter(
        ({ number, debit, credit }) =>
          number >= from && (account === undefined || debit === account || credit === account),
      )
      const page = found.slice(0, limit)
      const next = found[limit]?.number
      return { entries: page, ...(next === undefined ? {} : { next }) }
    },
    balance: async (account?: Account) =>
      balancesOf(await entries()).filter((one) => !account || one.account === account),
    /** Every entry has two sides: what a chain tells cannot come to anything else. */
    sum: async () =>
      balancesOf(await entries())
        .reduce((sum, { amount }) => sum + amount, 0n)
        .toString(),
    watch: (id: Uint8Array) => known.set(hexOf(id), id),
  }
}

const allocationOf = ({ fleet, gateway, payee, asset }: NewAllocation) => ({
  ...{ fleet, gateway, payee },
  ...{ assetCode: asset.code, assetScale: asset.scale },
})

function termsWords({ keccakText }: DeskOptions, { allocation }: Known['opened']) {
  return {
    fleet: keccakText(allocation.fleet),
    gateway: keccakText(allocation.gateway),
    payee: hexOf(allocation.payee),
    assetCode: keccakText(allocation.assetCode),
    assetScale: allocation.assetScale,
  }
}

function openingOf({ owner }: DeskOptions, wanted: NewAllocation) {
  const { feeBasisPoints, signerKey, mandateSeconds = MANDATE_SECONDS } = wanted
  return {
    ...allocationOf(wanted),
    ...{ payee: hexOf(wanted.payee), feeBasisPoints },
    ...{ token: owner?.token, feeRecipient: owner?.feeRecipient },
    signerAlgorithm: algorithmByte(signerKey.algorithm),
    signerKey: hexOf(signerKey.bytes),
    noticeSeconds: noticeFor(mandateSeconds),
  }
}

async function asOwner(
  { owner, codec, domain }: DeskOptions,
  name: string,
  words: readonly unknown[],
): Promise<void> {
  if (!owner) {
    throw new OperatorError(
      'ledger evm: only the owner of the fleet does this, with a transaction of its own to the ' +
        'contract (docs/ledger-evm.md)',
    )
  }
  const data = codec.encode(name, words)
  const to = hexOf(domain.verifyingContract)
  const ending = await owner.sender.send({ to, data, gas: OWNER_GAS })
  if (ending.ending === 'final' && ending.receipt.succeeded) return
  throw new OperatorError(`ledger evm: the transaction to ${name} failed`)
}
