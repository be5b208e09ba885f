/**
 * What an operator does at the ledger. The rules and their messages are those of the embedded
 * ledger; the database checks again and is who decides.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import { encodePublicKey } from '../../protocol/keys.ts'
import type { Domain } from '../../protocol/typedData.ts'
import * as operator from '../embedded/operator.ts'
import type { AllocationState, LedgerEvent } from '../ledger.ts'
import type { OperatorDesk } from '../operatorDesk.ts'
import { assetName, fleetAccount } from '../rules/accounting.ts'
import { type AllocationBook, stateOf } from '../rules/allocationRules.ts'
import { type LoadedBooks, nothingLoaded, openLoadedBooks } from './books.ts'
import { type Connection, codeOf } from './database.ts'
import type { News } from './follow.ts'
import { loadBalances, loadUse, lockAllocations } from './load.ts'
import { amountAt } from './rows.ts'
import type { Role, Transactions } from './transactions.ts'

type DeskOptions = {
  readonly domain: Domain
  readonly transactions: Transactions
  readonly news: News
}

type Act = (
  books: LoadedBooks,
  connection: Connection,
  nowSeconds: number,
) => boolean | Promise<boolean>

export function createDesk({ domain, transactions, news }: DeskOptions): OperatorDesk {
  /** Makes one change of an allocation and tells followers, unless there was nothing to do. */
  const change = async (
    kind: LedgerEvent['kind'],
    role: Role,
    id: Uint8Array,
    reference: string | undefined,
    act: Act,
  ): Promise<AllocationState> => {
    const { book, changed } = await transactions.run(role, async (connection) => {
      const { books, revision, nowSeconds } = await load(connection, id, reference)
      const isChanged = await act(books, connection, nowSeconds)
      const book = operator.known(books, id)
      return { book, changed: isChanged ? [{ kind, book, revision: revision + 1 }] : [] }
    })
    news.tell(changed)
    return stateOf(book)
  }
  const moving =
    (kind: LedgerEvent['kind'], name: 'fund' | 'set_aside' | 'request_withdrawal', stage: Stage) =>
    (id: Uint8Array, amount: bigint, reference: string) =>
      change(kind, 'tickpay_operator', id, reference, async (books, { query }, nowSeconds) => {
        if (!stage(books, id, amount, reference, nowSeconds)) return false
        await query(`SELECT ${name}($1, $2, $3)`, [id, amount, reference])
        return true
      })
  return {
    openAllocation: async (wanted) => {
      const id = operator.allocationIdOf(domain, wanted)
      return change('opened', 'tickpay_gateway', id, undefined, async (books, connection) => {
        const isNew = operator.open(books, id, wanted, 0)
        if (isNew) await openAllocation(connection, operator.known(books, id))
        return isNew
      })
    },
    fund: moving('funded', 'fund', operator.fund),
    setAside: moving('funded', 'set_aside', operator.setAside),
    requestWithdrawal: moving('withdrawal_requested', 'request_withdrawal', operator.request),
    completeWithdrawal: async (id, reference) => {
      const outcome: Outcome = { amount: 0n, wasTried: false }
      await change('withdrawn', 'tickpay_operator', id, undefined, (books, connection, now) =>
        complete(connection, books, id, reference, now, outcome),
      )
      return outcome.amount
    },
    payOut: (asked) =>
      transactions.run('tickpay_operator', (connection) => payOut(connection, asked)),
  }
}

type Stage = (
  books: LoadedBooks,
  id: Uint8Array,
  amount: bigint,
  reference: string,
  nowSeconds: number,
) => boolean

async function load(connection: Connection, id: Uint8Array, reference: string | undefined) {
  const { held, nowSeconds } = await lockAllocations(connection, [id])
  const fleets = held.map(({ book }) => fleetAccount(book.fleet))
  const books = openLoadedBooks({
    ...nothingLoaded,
    allocations: held.map(({ book }) => book),
    balances: await loadBalances(connection, [...fleets, 'external']),
    use: reference === undefined ? undefined : await loadUse(connection, reference),
  })
  return { books, nowSeconds, revision: held[0]?.revision ?? 0 }
}

async function openAllocation({ query }: Connection, book: AllocationBook): Promise<void> {
  const { signerKey, ownerKey, gatewayKey } = book
  await query('SELECT open_allocation($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', [
    ...[book.id, book.fleet, book.gateway, book.payee, book.assetCode, book.assetScale],
    ...[book.feeBasisPoints, encodePublicKey(signerKey)],
    ownerKey ? encodePublicKey(ownerKey) : null,
    gatewayKey ? encodePublicKey(gatewayKey) : null,
    book.withdrawalNoticeSeconds,
  ])
}

/** What came of the attempts so far: one whose commit went unheard may have been carried out. */
type Outcome = { amount: bigint; wasTried: boolean }

async function complete(
  { query }: Connection,
  books: LoadedBooks,
  id: Uint8Array,
  reference: string,
  nowSeconds: number,
  outcome: Outcome,
): Promise<boolean> {
  const [done] = outcome.wasTried
    ? await query(
        'SELECT returned FROM withdrawals' +
          ' WHERE allocation = $1 AND reference = $2 AND completed_at IS NOT NULL',
        [id, reference],
      )
    : []
  if (done) {
    outcome.amount = amountAt(done, 'returned')
    return false
  }
  outcome.wasTried = true
  outcome.amount = operator.complete(books, id, reference, nowSeconds)
  await query('SELECT complete_withdrawal($1, $2)', [id, reference])
  return true
}

async function payOut(connection: Connection, asked: operator.PayOut): Promise<void> {
  const { account, asset, amount, reference } = asked
  const books = openLoadedBooks({
    ...nothingLoaded,
    balances: await loadBalances(connection, [account, 'external']),
    use: await loadUse(connection, reference),
  })
  if (!operator.payOut(books, asked)) return
  try {
    const values = [account, assetName(asset), amount, reference]
    await connection.query('SELECT pay_out($1, $2, $3, $4)', values)
  } catch (error) {
    // Somebody else was faster.
    if (codeOf(error) !== '23514') throw error
    throw new OperatorError(`${account} holds less than ${amount}`)
  }
}
