/**
 * A PostgreSQL server for the tests of one file, and as many databases on it as they ask for.
 * @module
 */
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { type PostgresServer, startPostgres } from '../../cli/io/postgresServer.ts'
import type { PostgresPlace } from '../../ledger/postgres/io/pgDatabase.ts'

/** What the server is for is gone with the tests: it need not reach a disk. */
const settings = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off']

export type TestServer = {
  readonly place: (database: string, user?: string) => PostgresPlace
  /** A new empty database. */
  readonly create: () => Promise<string>
  /** Statements as a user of the server, postgres unless named. */
  readonly sql: (
    database: string,
    text: string,
    values?: readonly unknown[],
    user?: string,
  ) => Promise<readonly Record<string, unknown>[]>
  readonly server: () => PostgresServer
}

/** Starts a server before the tests of the file that calls this, and ends it after them. */
export function testServer(port?: number): TestServer {
  let server: PostgresServer | undefined
  let made = 0
  beforeAll(async () => {
    server = await startPostgres(settings, port)
  })
  afterAll(() => server?.stop())
  const running = () => {
    if (!server) throw new Error('the server runs during tests only')
    return server
  }
  const place = (database: string, user = running().user): PostgresPlace => {
    const { host, port: number } = running()
    return { host, port: number, database, user }
  }
  const sql: TestServer['sql'] = async (database, text, values = [], user = running().user) => {
    const { host, port: number } = running()
    const client = new pg.Client({ host, port: number, database, user })
    await client.connect()
    try {
      const result = values.length > 0 ? client.query(text, [...values]) : client.query(text)
      return (await result).rows ?? []
    } finally {
      await client.end()
    }
  }
  const create = async () => {
    const name = `ledger_${++made}`
    await sql('postgres', `CREATE DATABASE ${name}`)
    return name
  }
  return { place, sql, create, server: running }
}
