/**
 * What an operator is told when a database cannot be used, and that no password is among it.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import { type PostgresSettings, postgresValue } from '../../ledger/postgres/config.ts'
import { migrateDatabase, openPostgres } from '../../ledger/postgres/io/openPostgres.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { freePort } from '../support/freePort.ts'
import { type Pair, startWorkshop } from '../tls/openssl.ts'
import { testServer } from './postgresServer.ts'

const port = await freePort()
const server = testServer(port)
const folder = mkdtempSync(join(tmpdir(), 'tickpay-pg-test-'))
const SECRET = 'hush-not-to-be-seen'
const right = join(folder, 'right.pass')
const wrong = join(folder, 'wrong.pass')
const logged: string[] = []
const ports = nodePorts((...line) => logged.push(JSON.stringify(line)))

beforeAll(async () => {
  writeFileSync(right, `${SECRET}\n`, { mode: 0o600 })
  writeFileSync(wrong, `${SECRET}-not\n`, { mode: 0o600 })
  await server.sql('postgres', `CREATE ROLE gate LOGIN PASSWORD '${SECRET}'`)
  await server.sql('postgres', `CREATE ROLE maker LOGIN CREATEROLE PASSWORD '${SECRET}'`)
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  expect(logged.join()).not.toContain(SECRET)
})

const settingsOf = (database: string, more: object = {}): PostgresSettings =>
  v.parse(postgresValue, {
    ...{ kind: 'postgres', url: `postgres://gate@127.0.0.1:${port}/${database}` },
    ...{ passwordFile: right, ...more },
  })

const open = (settings: PostgresSettings) =>
  openPostgres({ settings, ports, verify: fastVerify, sha256: fastSha256 })

async function refusal(settings: PostgresSettings): Promise<string> {
  const ledger = await open(settings).catch((error: unknown) => error)
  if (!(ledger instanceof Error)) throw new Error('it opened')
  expect(ledger.name).toBe('OperatorError')
  expect(ledger.message).not.toContain(SECRET)
  expect(ledger.message).not.toContain('\n')
  return ledger.message
}

/** Set up by somebody who is no superuser, as `tickpay ledger migrate` does it. */
async function migrated(): Promise<string> {
  const database = await server.create()
  await server.sql('postgres', `GRANT CREATE ON DATABASE ${database} TO maker`)
  const login = { user: 'maker', passwordFile: right }
  const done = await migrateDatabase(settingsOf(database), login, ports)
  expect(done).toMatchObject({ from: 0, to: 1 })
  return database
}

describe('a database', () => {
  it('is set up by a login that may, and used by one that was granted the role', async () => {
    const database = await migrated()
    const again = await migrateDatabase(
      settingsOf(database),
      { user: 'maker', passwordFile: right },
      ports,
    )
    expect(again).toMatchObject({ from: 1, to: 1, place: `${database} at 127.0.0.1:${port}` })
    await server.sql('postgres', 'GRANT tickpay_gateway TO gate')
    const ledger = await open(settingsOf(database))
    expect(await ledger.audit()).toEqual([])
    await ledger.close()
    await server.sql('postgres', 'REVOKE tickpay_gateway FROM gate')
  })

  it('without a ledger says which command makes one', async () => {
    const database = await server.create()
    expect(await refusal(settingsOf(database))).toMatch(
      /has no ledger yet: run "tickpay ledger migrate" with a login that may create/,
    )
  })

  it('does not let in a login without the role', async () => {
    const database = await migrated()
    expect(await refusal(settingsOf(database))).toMatch(/GRANT tickpay_gateway TO the login/)
  })

  it('of a newer version is refused and left alone', async () => {
    const database = await migrated()
    const newer = "INSERT INTO tickpay.migrations VALUES (99, 'of tomorrow')"
    await server.sql(database, newer)
    await server.sql('postgres', 'GRANT tickpay_gateway TO gate')
    expect(await refusal(settingsOf(database))).toMatch(/has version 99, .* upgrade tickpay/)
    const login = { user: 'maker', passwordFile: right }
    const migrating = migrateDatabase(settingsOf(database), login, ports)
    await expect(migrating).rejects.toThrow(/upgrade tickpay/)
    await server.sql('postgres', 'REVOKE tickpay_gateway FROM gate')
  })

  it('refuses a wrong password without repeating it', async () => {
    const database = await server.create()
    expect(await refusal(settingsOf(database, { passwordFile: wrong }))).toMatch(
      /refuses the login .* see user and password/,
    )
  })

  it('that is not there is named', async () => {
    expect(await refusal(settingsOf('nowhere'))).toMatch(
      /"nowhere" does not exist at .* create it with "createdb"/,
    )
  })

  it('lets an operator book deposits only with the role for it', async () => {
    const database = await migrated()
    await server.sql('postgres', 'GRANT tickpay_gateway TO gate')
    const ledger = await open(settingsOf(database))
    const payOut = { account: 'fleet:acme', asset: { code: 'EUR', scale: 6 }, amount: 5n }
    await expect(ledger.payOut({ ...payOut, reference: 'bank-1' })).rejects.toThrow(
      /GRANT tickpay_operator TO the login/,
    )
    await ledger.close()
    await server.sql('postgres', 'REVOKE tickpay_gateway FROM gate')
  })
})

describe('a configuration', () => {
  const refused: Readonly<Record<string, readonly [object, RegExp]>> = {
    'a password in the url': [{ url: 'postgres://a:b@127.0.0.1/x' }, /without a password/],
    'sslmode in the url': [
      { url: 'postgres://a@db.example.net/x?sslmode=require' },
      /without parameters \(for sslmode, set tls\)/,
    ],
    'no user': [{ url: 'postgres://127.0.0.1/x' }, /USER@HOST/],
    'neither url nor host': [{}, /either a url, or host/],
    'a url and a host': [{ url: 'postgres://a@127.0.0.1/x', host: 'b' }, /either a url/],
    'two passwords': [
      { url: 'postgres://a@127.0.0.1/x', passwordFile: 'a', passwordEnv: 'B' },
      /at most one/,
    ],
    'another machine without TLS': [{ url: 'postgres://a@db.example.net/x' }, /authority/],
  }
  for (const [name, [settings, message]] of Object.entries(refused)) {
    it(`with ${name} is refused`, () => {
      const parsed = v.safeParse(postgresValue, { kind: 'postgres', ...settings })
      expect(parsed.issues?.[0]?.message).toMatch(message)
    })
  }

  it('reaches another machine with TLS, and this one through a socket', () => {
    for (const one of [
      { url: 'postgres://a@db.example.net/x', tls: {} },
      { host: '/run/postgresql', database: 'x', user: 'a' },
    ]) {
      expect(v.safeParse(postgresValue, { kind: 'postgres', ...one }).success).toBe(true)
    }
  })
})

describe('over TLS', () => {
  const workshop = startWorkshop()
  const authority = workshop.authority('db-authority')
  const stranger = workshop.authority('another-authority')
  afterAll(() => workshop.close())

  /** The server shows this certificate from now on, to new connections. */
  async function serve({ certificate, key }: Pair): Promise<void> {
    const { host } = server.server()
    const { uid, gid } = statSync(host)
    for (const [from, name] of [
      [certificate, 'server.crt'],
      [key, 'server.key'],
    ] as const) {
      const path = join(host, name)
      copyFileSync(from, path)
      chmodSync(path, 0o600)
      chownSync(path, uid, gid)
      const setting = name === 'server.crt' ? 'ssl_cert_file' : 'ssl_key_file'
      await server.sql('postgres', `ALTER SYSTEM SET ${setting} = '${path}'`)
    }
    await server.sql('postgres', "ALTER SYSTEM SET ssl = 'on'")
    await server.sql('postgres', 'SELECT pg_reload_conf()')
  }

  const tls = { authority: authority.certificate }

  it('the server has to be who it says, by an authority that was named', async () => {
    const database = await migrated()
    await server.sql('postgres', 'GRANT tickpay_gateway TO gate')
    // It may take a moment until the server has read its settings again.
    const opensWith = async (pair: Pair, settings: PostgresSettings, answer: RegExp) => {
      await serve(pair)
      await expect
        .poll(() => open(settings).then((ledger) => ledger.close().then(() => 'opened'), String), {
          timeout: 20_000,
        })
        .toMatch(answer)
    }
    expect(await refusal(settingsOf(database, { tls }))).toMatch(/does not support SSL/)
    const sound = workshop.server(authority)
    await opensWith(sound, settingsOf(database, { tls }), /^opened$/)
    const foreign = { tls: { authority: stranger.certificate } }
    expect(await refusal(settingsOf(database, foreign))).toMatch(/certificate/)
    const named = workshop.server(authority, 'DNS:localhost')
    await opensWith(named, settingsOf(database, { tls }), /IP: 127\.0\.0\.1 is not in the cert/)
    await server.sql('postgres', 'REVOKE tickpay_gateway FROM gate')
  })
})
