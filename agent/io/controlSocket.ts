/**
 * The agent's control socket: newline-delimited JSON on a Unix socket that only its owner may
 * open, `{id, verb, arguments}` there and `{id, status, data | error}` back. Who holds it is the
 * one agent that runs on a state folder.
 * @module
 */
import { rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { createConnection, createServer } from 'node:net'
import { OperatorError } from '../../ports/operatorError.ts'

export const SOCKET_FILE = 'agent.sock'

const LINE_CHARS_MAX = 4_096
const CONNECTIONS_MAX = 8
/** What the kernel takes, less the byte at its end. */
const PATH_BYTES_MAX = 107

export type ControlSocket = { readonly close: () => Promise<void> }

/**
 * Listens at `path` and answers the verb `status`.
 * @throws OperatorError when another agent does, or the path cannot be used
 */
export async function openControlSocket(
  path: string,
  status: () => unknown,
): Promise<ControlSocket> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new OperatorError(
      `the path of the control socket ${path} is too long: choose a shorter stateDirectory`,
    )
  }
  if (await isAnswered(path)) {
    throw new OperatorError(`another agent runs with the control socket ${path}: stop it first`)
  }
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, status)
  })
  server.maxConnections = CONNECTIONS_MAX
  await listen(server, path)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
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

function listen(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o177)
  return new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new OperatorError(`cannot open the control socket ${path}: ${error.message}`)),
    )
    server.listen(path, resolve)
  }).finally(() => process.umask(mask))
}

function serve(socket: Socket, status: () => unknown): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    if (text.length > LINE_CHARS_MAX) socket.destroy()
    for (const line of lines) {
      if (socket.writable) socket.write(`${JSON.stringify(answerLine(line, status))}\n`)
    }
  })
}

type Request = { readonly id?: unknown; readonly verb?: unknown }

function answerLine(line: string, status: () => unknown) {
  let request: Request | null
  try {
    request = JSON.parse(line) as Request | null
  } catch {
    return { id: null, status: 'error', error: 'send one JSON object a line' }
  }
  const id = request?.id ?? null
  if (request?.verb !== 'status') {
    return { id, status: 'error', error: 'an agent knows the verb "status" only' }
  }
  return { id, status: 'ok', data: status() }
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
