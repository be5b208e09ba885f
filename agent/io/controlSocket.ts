/**
 * The agent's control socket: newline-delimited JSON on a Unix socket that only its owner may
 * open, `{id, verb, arguments}` there and `{id, status, data | error}` back. Who holds it is the
 * one agent that runs on a state folder.
 * @module
 */
import { createConnection } from 'node:net'
import type { OpenLineServer } from '../../ports/io/lineServer.ts'
import { openLineServer } from '../../ports/io/lineServer.ts'
import { OperatorError } from '../../ports/operatorError.ts'

export const SOCKET_FILE = 'agent.sock'

const limits = { lineChars: 4_096, connections: 8 }

/**
 * Listens at `path` and answers the verb `status`.
 * @throws OperatorError when another agent does, or the path cannot be used
 */
export async function openControlSocket(
  path: string,
  status: () => unknown,
): Promise<OpenLineServer> {
  if (await isAnswered(path)) {
    throw new OperatorError(`another agent runs with the control socket ${path}: stop it first`)
  }
  const call = async (verb: string) => {
    if (verb !== 'status') throw new OperatorError('an agent knows the verb "status" only')
    return status()
  }
  const onBug = (_verb: string, error: unknown) => {
    throw error
  }
  return openLineServer(path, { call, onBug, limits })
}

/** True when someone accepts connections there; a file that a crash left behind answers nobody. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** What answers at `path`; undefined when nothing does within `timeoutMs`. */
export function askStatus(path: string, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = createConnection({ path })
    let text = ''
    const done = (answer: unknown) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(timeoutMs, () => done(undefined))
    socket.setEncoding('utf8')
    socket.on('error', () => done(undefined))
    socket.on('close', () => done(undefined))
    socket.on('connect', () => socket.write('{"id":1,"verb":"status"}\n'))
    socket.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) done((JSON.parse(text.slice(0, end)) as { data?: unknown }).data)
    })
  })
}
