/**
 * The steps of a settlement in PostgreSQL, one for each moment at which everything may end: before
 * a statement is sent, while it is under way, and after the commit.
 * @module
 */
import type { Connection, Database } from '../../ledger/postgres/database.ts'

export type Moment = 'before' | 'during' | 'after'

/** Answers when it goes on; it may never do so. */
export type AtStep = (step: string, connection: Connection) => Promise<void> | void

/** What a settlement says to the database, in order. */
const statementsOfClaims = [
  ...['begin', 'lock_allocations', 'withdrawals', 'channels', 'submissions'],
  ...['pay_claims', 'remember', 'commit'],
]
const statementsOfStatement = [
  ...['begin', 'lock_allocations', 'withdrawals', 'pay_statement', 'commit'],
]

const stepsOf = (statements: readonly string[]) => [
  ...statements.flatMap((one) => [`before ${one}`, `during ${one}`]),
  'after commit',
]

/** All steps of a submission of claims that pays, and of a statement that pays. */
export const claimSteps = stepsOf(statementsOfClaims)
export const statementSteps = stepsOf(statementsOfStatement)

const names: readonly (readonly [RegExp, string])[] = [
  [/^BEGIN/, 'begin'],
  [/^COMMIT/, 'commit'],
  [/^ROLLBACK/, 'rollback'],
  [/lock_allocations/, 'lock_allocations'],
  [/FROM withdrawals/, 'withdrawals'],
  [/JOIN channels/, 'channels'],
  [/FROM submissions/, 'submissions'],
  [/pay_claims/, 'pay_claims'],
  [/pay_statement/, 'pay_statement'],
  [/remember/, 'remember'],
]

const nameOf = (text: string) => names.find(([pattern]) => pattern.test(text))?.[1] ?? text

/** `database` that calls `atStep` at each step of what is done through it. */
export function withSteps(database: Database, atStep: AtStep): Database {
  const watched = (connection: Connection): Connection => ({
    query: async (text, values) => {
      const name = nameOf(text)
      await atStep(`before ${name}`, connection)
      const answer = connection.query(text, values)
      // It fails where the step ends the connection; whoever awaits it below hears of it.
      answer.catch(() => {})
      await atStep(`during ${name}`, connection)
      const rows = await answer
      if (name === 'commit') await atStep('after commit', connection)
      return rows
    },
  })
  return { ...database, use: (act) => database.use((connection) => act(watched(connection))) }
}
