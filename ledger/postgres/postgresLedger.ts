/**
 * A ledger in PostgreSQL: double entry whose rules the database enforces by itself, for several
 * gateways at once. The evidence is checked by the same rules as everywhere.
 * @module
 */
import type { Log, Random, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Sha256 } from '../../protocol/chain.ts'
import type { Verify } from '../../protocol/keys.ts'
import { LEDGER_TAIL_TICKS_MAX } from '../../protocol/limits.ts'
import { contractOfLedger, type Domain } from '../../protocol/typedData.ts'
import type { Balance, ChannelPaid, EntryPage, EntryQuery } from '../embedded/reports.ts'
import type { AllocationState, Ledger } from '../ledger.ts'
import type { OperatorDesk } from '../operatorDesk.ts'
import type { Account } from '../rules/accounting.ts'
import { stateOf } from '../rules/allocationRules.ts'
import type { Prover } from '../rules/proofTasks.ts'
import { type Connection, codeOf, type Database } from './database.ts'
import { createDesk } from './desk.ts'
import { createNews } from './follow.ts'
import { readAllocations } from './load.ts'
import { migrate, refuseNewer, schemaVersion } from './migrate.ts'
import { SCHEMA_VERSION } from './migrations/index.ts'
import * as reports from './reports.ts'
import { bytesAt } from './rows.ts'
import { createSubmit, createSubmitStatement } from './submit.ts'
import { createTransactions, explained, type Transactions } from './transactions.ts'

export type PostgresLedgerOptions = {
  /** Closed with the ledger. */
  readonly database: Database
  /** What people call it in messages: host, port and name, never a password. */
  readonly place: string
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  readonly verify: Verify
  readonly sha256: Sha256
  readonly prover?: Prover
}

export type PostgresLedger = Ledger &
  OperatorDesk & {
    /** 32 bytes, made with the ledger; its domain is derived from it. */
    readonly ledgerId: Uint8Array
    /** All allocations, by id. */
    readonly allocations: () => Promise<readonly AllocationState[]>
    readonly balance: (account?: Account) => Promise<readonly Balance[]>
    readonly entries: (query: EntryQuery) => Promise<EntryPage>
    /** All accounts together; '0' for every sound ledger. */
    readonly sum: () => Promise<string>
    readonly channelsPaid: (allocation: Uint8Array) => Promise<readonly ChannelPaid[]>
    /** As the ledger was opened; new channels begin behind it. */
    readonly firstPosition: (allocation: Uint8Array) => number
    /** Recomputes every figure from the entries; empty for sound books, else one line a fault. */
    readonly audit: () => Promise<readonly string[]>
    /** Waits for what is under way, then closes the connections. */
    readonly close: () => Promise<void>
  }

/**
 * Opens the ledger in the database; an empty database is set up first.
 * @throws OperatorError when the database cannot be reached, lacks the schema or a role, or is of
 * a newer version
 */
export async function openPostgresLedger(options: PostgresLedgerOptions): Promise<PostgresLedger> {
  const { database, place, timers, random, log } = options
  try {
    await prepareSchema(options)
    const transactions = createTransactions(database, place, timers, random)
    const start = await transactions.run('tickpay_gateway', readStart)
    const domain: Domain = { chainId: 0n, verifyingContract: contractOfLedger(start.ledgerId) }
    const news = createNews(database, transactions, timers, log, start.seen)
    const maxTail = LEDGER_TAIL_TICKS_MAX
    const shared = { ...options, domain, maxTail, transactions, news }
    return {
      domain,
      maxTail,
      ledgerId: start.ledgerId,
      submit: createSubmit(shared),
      submitStatement: createSubmitStatement(shared),
      follow: news.follow,
      ...createDesk(shared),
      ...reportsOf(transactions),
      firstPosition: (id) => start.positions.get(bytesToHex(id)) ?? 0,
      close: async () => {
        await news.close()
        await database.close()
      },
    }
  } catch (error) {
    await database.close().catch(() => undefined)
    throw error
  }
}

/** Sets up an empty database, and says what to do about any other that does not fit. */
async function prepareSchema({ database, place, random }: PostgresLedgerOptions): Promise<void> {
  try {
    await database.use(async (connection) => {
      const version = await schemaVersion(connection)
      refuseNewer(version)
      if (version === SCHEMA_VERSION) return
      if (version > 0 || !(await mayCreate(connection))) {
        throw new OperatorError(
          `the database ${place} has ${version > 0 ? 'an older ledger' : 'no ledger yet'}: ` +
            'run "tickpay ledger migrate" with a login that may create roles and schemas',
        )
      }
      await migrate(connection, random.bytes(32))
    })
  } catch (error) {
    throw explained(error, place, codeOf(error) === '42501' ? 'tickpay_gateway' : undefined)
  }
}

async function mayCreate({ query }: Connection): Promise<boolean> {
  const [row] = await query(
    "SELECT has_database_privilege(current_database(), 'CREATE') AND" +
      ' (rolsuper OR rolcreaterole) AS may FROM pg_roles WHERE rolname = current_user',
  )
  return row?.['may'] === true
}

async function readStart(connection: Connection) {
  const [identity] = await connection.query('SELECT ledger_id FROM identity')
  if (!identity) throw new OperatorError('the ledger in the database has no id: restore a backup')
  const held = await readAllocations(connection)
  return {
    ledgerId: bytesAt(identity, 'ledger_id'),
    positions: await reports.firstPositions(connection),
    seen: new Map(held.map(({ book, revision }) => [bytesToHex(book.id), revision])),
  }
}

type Reports = Pick<
  PostgresLedger,
  'allocation' | 'allocations' | 'balance' | 'entries' | 'sum' | 'channelsPaid' | 'audit'
>

function reportsOf({ run }: Transactions): Reports {
  const read = <T>(act: (connection: Connection) => Promise<T>) => run('tickpay_gateway', act)
  return {
    allocation: async (id) => {
      const [found] = await read((connection) => readAllocations(connection, [id]))
      return found && stateOf(found.book)
    },
    allocations: async () =>
      (await read((connection) => readAllocations(connection))).map(({ book }) => stateOf(book)),
    balance: (account) => read((connection) => reports.balances(connection, account)),
    entries: (query) => read((connection) => reports.entries(connection, query)),
    sum: () => read(reports.sum),
    channelsPaid: (id) => read((connection) => reports.channelsPaid(connection, id)),
    audit: () => read(reports.audit),
  }
}
