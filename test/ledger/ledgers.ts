/**
 * A ledger on a database, with everything else as in a gateway.
 * @module
 */
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import type { Database } from '../../ledger/postgres/database.ts'
import { openPostgresLedger, type PostgresLedger } from '../../ledger/postgres/postgresLedger.ts'
import { nodeRandom, nodeTimers } from '../../ports/io/node.ts'

export function openPostgres(database: Database): Promise<PostgresLedger> {
  return openPostgresLedger({
    database,
    place: 'test',
    timers: nodeTimers,
    random: nodeRandom,
    log: () => {},
    verify: fastVerify,
    sha256: fastSha256,
  })
}
