/**
 * A ledger inside the gateway's own process: double entry in a key-value store, no server. It
 * checks evidence like every other ledger; its operator is trusted with the deposits only.
 * @module
 */
import type { Clock, KeyValue, Random, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Verify } from '../../protocol/keys.ts'
import { LEDGER_TAIL_TICKS_MAX } from '../../protocol/limits.ts'
import { contractOfLedger, type Domain } from '../../protocol/typedData.ts'
import type { AllocationState, Ledger, LedgerEvent } from '../ledger.ts'
import type { OperatorDesk } from '../operatorDesk.ts'
import type { Account } from '../rules/accounting.ts'
import { stateOf } from '../rules/allocationRules.ts'
import type { Prover } from '../rules/proofTasks.ts'
import type { Books } from './books.ts'
import { everyAllocation, formatKey, LEDGER_FORMAT } from './layout.ts'
import * as operator from './operator.ts'
import { allocationCodec, formatCodec } from './records.ts'
import * as reports from './reports.ts'
import { createSubmit } from './submit.ts'
import { createSubmitStatement } from './submitStatement.ts'
import { createWriter, type Writer } from './writer.ts'

export type EmbeddedLedgerOptions = {
  /** Closed with the ledger. One ledger, one store, one process at a time. */
  readonly store: KeyValue
  readonly clock: Clock
  /** Only `soon`: a long submission lets the rest of the process run. */
  readonly timers: Pick<Timers, 'soon'>
  readonly random: Random
  readonly verify: Verify
  readonly sha256: Sha256
  /** Works on signatures and chains ahead of the ledger, which does what was not proved. */
  readonly prover?: Prover
  /** What people call the store, for error messages: its folder. */
  readonly place: string
}

export type EmbeddedLedger = Ledger &
  OperatorDesk & {
    /** All allocations, by id. */
    readonly allocations: () => Promise<readonly AllocationState[]>
    readonly balance: (account?: Account) => readonly reports.Balance[]
    readonly entries: (query: reports.EntryQuery) => reports.EntryPage
    readonly csv: (query: Pick<reports.EntryQuery, 'account' | 'from'>) => Iterable<string>
    /** All accounts together; '0' for every sound ledger. */
    readonly sum: () => string
    readonly channelsPaid: (allocationId: Uint8Array) => Iterable<reports.ChannelPaid>
    /** Recomputes every figure from the entries; empty for sound books, else one line a fault. */
    readonly audit: () => readonly string[]
    /** Waits for what is under way, then closes the store. */
    readonly close: () => Promise<void>
  }

/**
 * Opens the ledger in `store`, creating it where there is none.
 * @throws OperatorError when the store is of a newer version or its figures contradict each other
 */
export async function openEmbeddedLedger(options: EmbeddedLedgerOptions): Promise<EmbeddedLedger> {
  const { store, place, clock } = options
  const domain = await openDomain(options)
  const [problem] = reports.checkFigures(store)
  if (problem !== undefined) {
    throw new OperatorError(`the ledger in ${place} is damaged: ${problem}; restore a backup`)
  }
  const nowSeconds = () => Math.floor(clock.nowMs() / 1_000)
  const writer = createWriter(store, nowSeconds)
  return {
    ...ledgerOf(options, domain, writer, nowSeconds),
    ...operatorOf(domain, writer, nowSeconds),
    allocations: () => writer.durable(() => allAllocations(store)),
    balance: (account) => reports.balances(store, account),
    entries: (query) => reports.entries(store, query),
    csv: (query) => reports.csv(store, query),
    sum: () => reports.sum(store),
    channelsPaid: (id) => reports.channelsPaid(store, id),
    audit: () => reports.audit(store),
    close: () => writer.serially(() => store.close()),
  }
}

/** The domain of the ledger in the store; a new ledger gets an id that no other has. */
async function openDomain({ store, random, place }: EmbeddedLedgerOptions): Promise<Domain> {
  const bytes = store.get(formatKey)
  const found = bytes && formatCodec.decode(bytes)
  if (found && found.format > LEDGER_FORMAT) {
    throw new OperatorError(
      `the ledger in ${place} has format ${found.format}, this program knows ${LEDGER_FORMAT}: ` +
        'upgrade tickpay, or name another folder',
    )
  }
  const ledgerId = found?.ledgerId ?? random.bytes(32)
  if (found?.format !== LEDGER_FORMAT) {
    const record = formatCodec.encode({ format: LEDGER_FORMAT, ledgerId })
    await store.write([[formatKey, record]])
  }
  return { chainId: 0n, verifyingContract: contractOfLedger(ledgerId) }
}

function allAllocations(store: KeyValue): readonly AllocationState[] {
  const all: AllocationState[] = []
  for (const [, value] of store.range(...everyAllocation)) {
    all.push(stateOf(allocationCodec.decode(value)))
  }
  return all
}

function ledgerOf(
  options: EmbeddedLedgerOptions,
  domain: Domain,
  writer: Writer,
  nowSeconds: () => number,
): Ledger {
  const maxTail = LEDGER_TAIL_TICKS_MAX
  return {
    domain,
    maxTail,
    allocation: (id) =>
      writer.durable((books) => {
        const book = books.allocation(id)
        return book && stateOf(book)
      }),
    submit: createSubmit({ ...options, domain, maxTail, writer, nowSeconds }),
    submitStatement: createSubmitStatement({ ...options, domain, writer, nowSeconds }),
    follow: writer.follow,
  }
}

type OperatorFunctions = Pick<
  EmbeddedLedger,
  'openAllocation' | 'fund' | 'setAside' | 'requestWithdrawal' | 'completeWithdrawal' | 'payOut'
>

function operatorOf(domain: Domain, writer: Writer, nowSeconds: () => number): OperatorFunctions {
  /** Makes one change and tells followers, unless there was nothing left to do. */
  const changeAllocation = async (
    kind: LedgerEvent['kind'],
    id: Uint8Array,
    act: (books: Books) => boolean,
  ): Promise<AllocationState> => {
    const { changed, state } = await writer.change((books) => {
      const changed = act(books)
      return { changed, state: stateOf(operator.known(books, id)) }
    })
    if (changed) writer.announce({ kind, allocation: state })
    return state
  }
  return {
    openAllocation: async (wanted) => {
      const id = operator.allocationIdOf(domain, wanted)
      return changeAllocation('opened', id, (books) =>
        operator.open(books, id, wanted, nowSeconds()),
      )
    },
    fund: (id, amount, reference) =>
      changeAllocation('funded', id, (books) => operator.fund(books, id, amount, reference)),
    setAside: (id, amount, reference) =>
      changeAllocation('funded', id, (books) => operator.setAside(books, id, amount, reference)),
    requestWithdrawal: (id, amount, reference) =>
      changeAllocation('withdrawal_requested', id, (books) =>
        operator.request(books, id, amount, reference, nowSeconds()),
      ),
    completeWithdrawal: async (id, reference) => {
      let amount = 0n
      await changeAllocation('withdrawn', id, (books) => {
        amount = operator.complete(books, id, reference, nowSeconds())
        return true
      })
      return amount
    },
    payOut: async (payOut) => {
      await writer.change((books) => operator.payOut(books, payOut))
    },
  }
}
