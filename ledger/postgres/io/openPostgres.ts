/**
 * A ledger in PostgreSQL as configured, on the real network. Loaded only where one is configured.
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { Ports } from '../../../ports/index.ts'
import { readPassphrase } from '../../../ports/io/keyFile.ts'
import { readPem } from '../../../ports/io/tlsFiles.ts'
import type { Sha256 } from '../../../protocol/chain.ts'
import type { Verify } from '../../../protocol/keys.ts'
import type { Prover } from '../../rules/proofTasks.ts'
import { type PostgresSettings, placeOf } from '../config.ts'
import type { Database } from '../database.ts'
import { type Migrated, migrate } from '../migrate.ts'
import { openPostgresLedger, type PostgresLedger } from '../postgresLedger.ts'
import { explained } from '../transactions.ts'
import { openPgDatabase, type PostgresPlace } from './pgDatabase.ts'

export type OpenPostgresOptions = {
  readonly settings: PostgresSettings
  readonly ports: Ports
  readonly verify: Verify
  readonly sha256: Sha256
  readonly prover?: Prover
}

/** @throws OperatorError as `openPostgresLedger`, and when a file cannot be read */
export async function openPostgres(options: OpenPostgresOptions): Promise<PostgresLedger> {
  const { settings, ports, verify, sha256, prover } = options
  return openPostgresLedger({
    ...{ timers: ports.timers, random: ports.random, log: ports.log },
    ...{ verify, sha256 },
    ...(prover ? { prover } : {}),
    database: await connect(settings, ports),
    place: nameOf(settings),
  })
}

/** Another login than that of the settings, for what a gateway's may not do. */
export type OtherLogin = {
  readonly user: string | undefined
  readonly passwordFile: string | undefined
}

/**
 * Brings the database to the version of this program.
 * @throws OperatorError when it cannot be reached, or is newer
 */
export async function migrateDatabase(
  settings: PostgresSettings,
  login: OtherLogin,
  ports: Ports,
): Promise<Migrated & { readonly place: string }> {
  const place = nameOf(settings)
  const database = await connect(withLogin(settings, login), ports)
  try {
    const id = ports.random.bytes(32)
    return { place, ...(await database.use((connection) => migrate(connection, id))) }
  } catch (error) {
    throw explained(error, place, undefined)
  } finally {
    await database.close()
  }
}

function withLogin(settings: PostgresSettings, login: OtherLogin): PostgresSettings {
  if (login.user === undefined && login.passwordFile === undefined) return settings
  const { host, port, database, user } = placeOf(settings)
  const { tls } = settings
  return {
    ...{ kind: 'postgres', host, port, database, user: login.user ?? user },
    ...(tls ? { tls } : {}),
    ...(login.passwordFile === undefined ? {} : { passwordFile: login.passwordFile }),
  }
}

async function connect(settings: PostgresSettings, ports: Ports): Promise<Database> {
  const place = placeOf(settings)
  const { passwordFile, passwordEnv, passwordCredential, tls } = settings
  const source = { file: passwordFile, env: passwordEnv, credential: passwordCredential }
  const hasPassword = Object.values(source).some((one) => one !== undefined)
  const password = () => readPassphrase(source, process.env)
  // Said at the start and not at the first reconnection.
  if (hasPassword) await password()
  const files = tls && (await tlsFiles(tls))
  const options: PostgresPlace = {
    ...place,
    ...(hasPassword ? { password } : {}),
    ...(files ? { tls: files } : {}),
  }
  return openPgDatabase(options, ports.timers, ports.log)
}

async function tlsFiles({ authority, certificate, key }: NonNullable<PostgresSettings['tls']>) {
  const pem = async (path: string) => (await readPem(path)).toString('utf8')
  return {
    ...(authority === undefined ? {} : { ca: await pem(authority) }),
    ...(certificate === undefined ? {} : { cert: await pem(certificate) }),
    ...(key === undefined ? {} : { key: await readFile(key, 'utf8') }),
  }
}

function nameOf(settings: PostgresSettings): string {
  const { host, port, database } = placeOf(settings)
  return `${database} at ${host}:${port}`
}
