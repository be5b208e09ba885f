/**
 * What the ledger needs of a database, without saying which client talks to it.
 * @module
 */
import type { Cancel } from '../../ports/index.ts'

export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly (string | number | bigint | null | Uint8Array)[]

export type Row = Readonly<Record<string, unknown>>

export type Connection = {
  readonly query: (text: string, values?: readonly SqlValue[]) => Promise<readonly Row[]>
}

export type Database = {
  /**
   * Runs `act` on one connection and gives it back. A connection that was lost is not used again.
   */
  readonly use: <T>(act: (connection: Connection) => Promise<T>) => Promise<T>
  /** Calls back at each notification, and once after every time the line was down. */
  readonly listen: (channel: string, onNews: () => void) => Cancel
  readonly close: () => Promise<void>
}

/**
 * `lost`: the connection is gone, and whether the last statement was carried out is not known.
 * `conflict`: others were in the way, nothing was done. Both may be tried again.
 */
export type Failure = 'lost' | 'conflict' | 'other'

/** By SQLSTATE (PostgreSQL manual, appendix A) or by what the client says of its socket. */
export function failureOf(error: unknown): Failure {
  const code = codeOf(error)
  if (code === '40001' || code === '40P01' || code === '55P03') return 'conflict'
  if (/^(08...|57P0[123]|53300|53400)$/.test(code)) return 'lost'
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ENOENT)/.test(code)) return 'lost'
  return error instanceof ConnectionLost ? 'lost' : 'other'
}

export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** The socket closed under a statement. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super('the connection to the database was lost', { cause })
    this.name = 'ConnectionLost'
  }
}
