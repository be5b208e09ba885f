/**
 * The gateway's control socket.
 * @module
 */
import type { Log } from '../../../ports/index.ts'
import type { OpenLineServer } from '../../../ports/io/lineServer.ts'
import { openLineServer } from '../../../ports/io/lineServer.ts'
import type { VerbCall } from '../verb.ts'

const limits = { lineChars: 1 << 20, connections: 32 }

/** Listens at `path`; the store's lock vouches that no other gateway does. */
export function openControlSocket(path: string, call: VerbCall, log: Log): Promise<OpenLineServer> {
  const onBug = (verb: string, error: unknown) => {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log('error', 'a control verb failed', { verb, reason })
  }
  return openLineServer(path, { call, onBug, limits })
}
