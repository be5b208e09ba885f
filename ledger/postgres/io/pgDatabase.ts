/**
 * A pool of connections to PostgreSQL, and one that listens.
 * @module
 */
import pg from 'pg'
import type { Cancel, Log, Timers } from '../../../ports/index.ts'
import type { Connection, Database, Row, SqlValue } from '../database.ts'
import { ConnectionLost } from '../database.ts'

/** Where the server is; the password is asked for at each connection and kept nowhere. */
export type PostgresPlace = {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password?: () => Promise<string>
  /** Undefined: no TLS. The server's certificate is always checked. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** Connections kept at most: submissions of one gateway wait for each other anyway. */
const CONNECTIONS_MAX = 8
const CONNECT_TIMEOUT_MS = 5_000
const IDLE_TIMEOUT_MS = 30_000
/** A statement that takes longer hangs: the largest submission takes a few seconds. */
const STATEMENT_TIMEOUT_MS = 60_000
const LISTEN_AGAIN_MS = 1_000

/** Opens no connection yet: the first use does. */
export function openPgDatabase(
  place: PostgresPlace,
  timers: Pick<Timers, 'after'>,
  log: Log,
): Database {
  const options = clientOptions(place)
  const pool = new pg.Pool({
    ...options,
    max: CONNECTIONS_MAX,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    allowExitOnIdle: true,
  })
  // An idle connection that breaks is replaced when it is needed.
  pool.on('error', () => {})
  return {
    use: (act) => useClient(pool, act),
    listen: (channel, onNews) => listen(options, channel, onNews, timers, log),
    close: () => pool.end(),
  }
}

function clientOptions(place: PostgresPlace): pg.ClientConfig {
  const { host, port, database, user, password, tls } = place
  return {
    host,
    port,
    database,
    user,
    // A function, so that nothing is taken from the environment or from ~/.pgpass.
    password: password ?? (() => ''),
    ssl: tls ? { ...tls, rejectUnauthorized: true } : false,
    application_name: 'tickpay',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
  }
}

async function useClient<T>(pool: pg.Pool, act: (connection: Connection) => Promise<T>) {
  const client = await pool.connect().catch((error: unknown) => {
    throw explained(error)
  })
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    return await act({ query: (text, values) => run(client, text, values) })
  } catch (error) {
    if (error instanceof ConnectionLost) broken ??= error
    throw error
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

async function run(
  client: pg.ClientBase,
  text: string,
  values: readonly SqlValue[] = [],
): Promise<readonly Row[]> {
  try {
    const result = values.length > 0 ? client.query(text, [...values]) : client.query(text)
    return (await result).rows ?? []
  } catch (error) {
    throw explained(error)
  }
}

/** What the server said stays as it is; anything else is the line to it. */
function explained(error: unknown): unknown {
  return error instanceof pg.DatabaseError ? error : new ConnectionLost(error)
}

function listen(
  options: pg.ClientConfig,
  channel: string,
  onNews: () => void,
  timers: Pick<Timers, 'after'>,
  log: Log,
): Cancel {
  let client: pg.Client | undefined
  let isOver = false
  let cancelTimer: Cancel = () => {}
  const again = () => {
    client?.end().catch(() => {})
    client = undefined
    if (isOver) return
    cancelTimer()
    cancelTimer = timers.after(LISTEN_AGAIN_MS, start)
  }
  const start = () => {
    const next = new pg.Client({ ...options, statement_timeout: 0 })
    client = next
    const ended = () => {
      if (client === next) again()
    }
    next.on('error', ended)
    next.on('end', ended)
    next.on('notification', onNews)
    const begin = async () => {
      await next.connect()
      await next.query(`LISTEN ${next.escapeIdentifier(channel)}`)
      onNews()
    }
    begin().catch((error: unknown) => {
      log('debug', 'the ledger does not tell of changes just now', { reason: String(error) })
      ended()
    })
  }
  start()
  return () => {
    isOver = true
    cancelTimer()
    client?.end().catch(() => {})
    client = undefined
  }
}
