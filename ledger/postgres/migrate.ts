/**
 * Brings the schema of a database to the version of this program.
 * @module
 */
import { OperatorError } from '../../ports/operatorError.ts'
import type { Connection } from './database.ts'
import { migrations, SCHEMA_VERSION } from './migrations/index.ts'
import { groupRoles } from './migrations/roles.ts'

/** One program migrates at a time: any number that nothing else in the database uses. */
const MIGRATION_LOCK = 7_405_061

const CREATE_ROLES = `
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY '{${groupRoles.join(',')}}'::text[] LOOP
    BEGIN
      IF to_regrole(name) IS NULL THEN EXECUTE format('CREATE ROLE %I NOLOGIN', name); END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
  -- Who makes a role may grant it, but does not have it by that.
  BEGIN
    EXECUTE format('GRANT tickpay_owner TO %I', current_user);
  EXCEPTION WHEN insufficient_privilege THEN NULL;
  END;
END $$`

const CREATE_SCHEMA = `
CREATE SCHEMA tickpay AUTHORIZATION tickpay_owner;
SET LOCAL ROLE tickpay_owner;
CREATE TABLE tickpay.migrations (
  number integer PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);`

/** The version of the schema in the database; 0 where there is none. */
export async function schemaVersion({ query }: Connection): Promise<number> {
  const [found] = await query(
    'SELECT count(*)::int AS there FROM pg_tables' +
      " WHERE schemaname = 'tickpay' AND tablename = 'migrations'",
  )
  if (found?.['there'] === 0) return 0
  const [row] = await query(
    'SELECT coalesce(max(number), 0)::int AS number FROM tickpay.migrations',
  )
  return Number(row?.['number'])
}

export type Migrated = { readonly from: number; readonly to: number }

/**
 * Applies what is missing, all of it or nothing.
 * @throws OperatorError when the database is of a newer version
 */
export async function migrate(connection: Connection, ledgerId: Uint8Array): Promise<Migrated> {
  const { query } = connection
  await query('BEGIN')
  try {
    await query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const from = await schemaVersion(connection)
    refuseNewer(from)
    if (from === SCHEMA_VERSION) {
      await query('ROLLBACK')
      return { from, to: from }
    }
    if (from === 0) {
      await query(CREATE_ROLES)
      await query(CREATE_SCHEMA)
    }
    await query('SET LOCAL ROLE tickpay_owner')
    await query('SET LOCAL search_path = tickpay')
    for (const { number, name, sql } of migrations.slice(from)) {
      await query(sql)
      await query('INSERT INTO migrations (number, name) VALUES ($1, $2)', [number, name])
    }
    await query('INSERT INTO identity (ledger_id) VALUES ($1) ON CONFLICT DO NOTHING', [ledgerId])
    await query('COMMIT')
    return { from, to: SCHEMA_VERSION }
  } catch (error) {
    await query('ROLLBACK').catch(() => undefined)
    throw error
  }
}

/** @throws OperatorError when the database has a version that this program does not know */
export function refuseNewer(version: number): void {
  if (version <= SCHEMA_VERSION) return
  throw new OperatorError(
    `the ledger in the database has version ${version}, this program knows ${SCHEMA_VERSION}: ` +
      'upgrade tickpay',
  )
}
