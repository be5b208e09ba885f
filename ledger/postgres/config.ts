/**
 * Where a ledger in PostgreSQL is, as a configuration says it.
 * @module
 */
import * as v from 'valibot'
import { integerValue, textValue } from '../../ports/configTypes.ts'
import { isLoopback } from '../../ports/loopback.ts'

const tlsAllowed =
  'tls with the authority of the server (authority: FILE, or tls: {} for one that is generally ' +
  'trusted), because the server is on another machine'

const secrets = {
  passwordFile: v.optional(textValue),
  passwordEnv: v.optional(textValue),
  passwordCredential: v.optional(textValue),
}

const urlAllowed =
  'postgres://USER@HOST:PORT/DATABASE, without a password (name a passwordFile) and without ' +
  'parameters (for sslmode, set tls)'
const urlValue = v.pipe(
  v.string(urlAllowed),
  v.check((text) => readUrl(text) !== undefined, urlAllowed),
)

type Place = {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

function readUrl(text: string): Place | undefined {
  try {
    const { protocol, username, password, hostname, port, pathname, search } = new URL(text)
    const database = decodeURIComponent(pathname.slice(1))
    const isSound = /^postgres(ql)?:$/.test(protocol) && password === '' && search === ''
    if (!isSound || database === '' || username === '' || hostname === '') return undefined
    const host = hostname.replace(/^\[|\]$/g, '')
    return { host, port: Number(port || 5432), database, user: decodeURIComponent(username) }
  } catch {
    return undefined
  }
}

/** `ledger:` with `kind: postgres`; docs/ledgers.md */
export const postgresValue = v.pipe(
  v.strictObject({
    kind: v.literal('postgres'),
    url: v.optional(urlValue),
    /** A name, an address, or the folder of a Unix socket. */
    host: v.optional(textValue),
    port: v.optional(integerValue(1, 65_535)),
    database: v.optional(textValue),
    user: v.optional(textValue),
    ...secrets,
    tls: v.optional(
      v.strictObject({
        authority: v.optional(textValue),
        certificate: v.optional(textValue),
        key: v.optional(textValue),
      }),
    ),
  }),
  v.check(
    ({ url, host, database, user }) =>
      url === undefined ? Boolean(host && database && user) : !(host || database || user),
    'either a url, or host, database and user',
  ),
  v.check(
    (one) =>
      [one.passwordFile, one.passwordEnv, one.passwordCredential].filter(Boolean).length <= 1,
    'at most one of passwordFile, passwordEnv and passwordCredential',
  ),
  v.check((one) => one.tls !== undefined || isNear(placeOf(one).host), tlsAllowed),
)

export type PostgresSettings = v.InferOutput<typeof postgresValue>

const isNear = (host: string) => host.startsWith('/') || isLoopback(host)

/** Where the settings lead, whichever way they say it. */
export function placeOf(settings: {
  readonly url?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly database?: string | undefined
  readonly user?: string | undefined
}): Place {
  const { url, host = '', port = 5432, database = '', user = '' } = settings
  return (url === undefined ? undefined : readUrl(url)) ?? { host, port, database, user }
}
