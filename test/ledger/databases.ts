/**
 * A database of a test's server as the ledger sees it.
 * @module
 */
import { openPgDatabase, type PostgresPlace } from '../../ledger/postgres/io/pgDatabase.ts'
import { nodeTimers } from '../../ports/io/node.ts'

export const openTestDatabase = (place: PostgresPlace) =>
  openPgDatabase(place, nodeTimers, () => {})
