/**
 * Transactions that are tried again: after a conflict with others at once, after a lost connection
 * when there is a new one. What is run must therefore look at what is there before it changes it:
 * the commit of the attempt before may have been carried out.
 * @module
 */
import type { Random, Timers } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { type Connection, codeOf, type Database, failureOf } from './database.ts'

export type Role = 'tickpay_gateway' | 'tickpay_operator'

export type Transactions = {
  /** Runs `act` in a transaction of `role` and answers when it is durable. */
  readonly run: <T>(role: Role, act: (connection: Connection) => Promise<T>) => Promise<T>
}

/** Together about 20 s: longer than a restart of the server takes. */
const ATTEMPTS_MAX = 12
const FIRST_DELAY_MS = 20
const DELAY_MAX_MS = 3_000
/** Whoever holds a lock for longer hangs; giving up is safe, waiting for ever is not. */
const LOCK_TIMEOUT_MS = 10_000

const begin = (role: Role) =>
  `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL ROLE ${role};` +
  ` SET LOCAL search_path = tickpay, pg_temp; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};` +
  ' SET LOCAL synchronous_commit = on'

export function createTransactions(
  database: Database,
  place: string,
  timers: Pick<Timers, 'after'>,
  random: Random,
): Transactions {
  const pause = (delayMs: number) =>
    new Promise<void>((resolve) => timers.after(delayMs, () => resolve()))
  return {
    run: async (role, act) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await database.use((connection) => once(connection, role, act))
        } catch (error) {
          if (failureOf(error) === 'other' || attempt >= ATTEMPTS_MAX) {
            throw explained(error, place, role)
          }
          await pause(delayOf(attempt, random))
        }
      }
    },
  }
}

async function once<T>(
  connection: Connection,
  role: Role,
  act: (connection: Connection) => Promise<T>,
): Promise<T> {
  try {
    await connection.query(begin(role))
    const result = await act(connection)
    await connection.query('COMMIT')
    return result
  } catch (error) {
    if (failureOf(error) !== 'lost') await connection.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** Doubles, half of it by chance, so that two gateways do not meet again. */
function delayOf(attempt: number, random: Random): number {
  const delay = Math.min(DELAY_MAX_MS, FIRST_DELAY_MS * 2 ** attempt)
  return delay / 2 + ((random.bytes(1)[0] ?? 0) / 255) * (delay / 2)
}

/** An operator's line for what an operator can mend; anything else stays what it was. */
export function explained(error: unknown, place: string, role: Role | undefined): unknown {
  if (error instanceof OperatorError) return error
  const code = codeOf(error)
  const reason = reasonOf(error)
  if (failureOf(error) === 'lost') {
    return new OperatorError(
      `the ledger's database ${place} cannot be reached (${reason}): ` +
        'see that the server runs and that "ledger" names it',
    )
  }
  if (code === '28P01' || code === '28000') {
    return new OperatorError(
      `the ledger's database ${place} refuses the login (${reason}): ` +
        'see user and password under "ledger"',
    )
  }
  if (code === '3D000') {
    return new OperatorError(`${reason} at ${place}: create it with "createdb" first`)
  }
  if (code === '42501' || code === '22023') {
    const advice =
      role === undefined
        ? 'use one that may create roles and schemas'
        : `let the owner of the ledger run GRANT ${role} TO the login`
    return new OperatorError(`the login at ${place} may not do this (${reason}): ${advice}`)
  }
  return error
}

/** The innermost reason, on one line. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0])
  if (cause instanceof Error) return reasonOf(cause)
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s+/g, ' ').slice(0, 200)
}
