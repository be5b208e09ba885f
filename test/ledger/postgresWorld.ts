/**
 * A PostgreSQL ledger for a test: a database of its own, and a clock that the test moves.
 * @module
 */
import { type afterAll, afterEach } from 'vitest'
import type { PostgresLedger } from '../../ledger/postgres/postgresLedger.ts'
import { START_SECONDS } from '../unit/ledger/world.ts'
import type { ContractWorld } from './contractWorld.ts'
import { openTestDatabase } from './databases.ts'
import { openPostgres } from './ledgers.ts'
import type { TestServer } from './postgresServer.ts'

/** The ledger's clock reads a table, which only the owner of the database can change. */
const TEST_CLOCK = `
CREATE TABLE public.test_clock (seconds bigint NOT NULL);
INSERT INTO public.test_clock VALUES (${START_SECONDS});
GRANT SELECT ON public.test_clock TO PUBLIC;
CREATE OR REPLACE FUNCTION tickpay.now_seconds() RETURNS bigint LANGUAGE sql VOLATILE
  AS 'SELECT seconds FROM public.test_clock';`

export type PostgresWorld = Omit<ContractWorld, 'ledger' | 'reopen'> & {
  readonly ledger: PostgresLedger
  readonly reopen: () => Promise<PostgresLedger>
  readonly database: string
}

/** Ledgers on `server`, closed after each test, or after all of a group that only reads them. */
export function postgresWorlds(
  server: TestServer,
  after: typeof afterEach | typeof afterAll = afterEach,
): () => Promise<PostgresWorld> {
  const opened: PostgresLedger[] = []
  after(async () => {
    for (const one of opened.splice(0)) await one.close()
  })
  return async () => {
    const database = await server.create()
    const reopen = async () => {
      const ledger = await openPostgres(openTestDatabase(server.place(database)))
      opened.push(ledger)
      return ledger
    }
    const ledger = await reopen()
    await server.sql(database, TEST_CLOCK)
    const advance = async (seconds: number) => {
      await server.sql(database, `UPDATE public.test_clock SET seconds = seconds + ${seconds}`)
    }
    return { ledger, reopen, advance, database }
  }
}
