/**
 * The control socket: newline-delimited JSON on a Unix socket that only its owner may open.
 * @module
 */
import { chmod, rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Log } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { VerbCall } from '../verb.ts'

const LINE_CHARS_MAX = 1 << 20
const CONNECTIONS_MAX = 32

export type ControlSocket = { readonly close: () => Promise<void> }

/** Listens at `path`; the store's lock vouches that no other gateway does. */
export async function openControlSocket(
  path: string,
  call: VerbCall,
  log: Log,
): Promise<ControlSocket> {
  await rm(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, call, log)
  })
  server.maxConnections = CONNECTIONS_MAX
  await listen(server, path)
  await chmod(path, 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
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

function serve(socket: Socket, call: VerbCall, log: Log): void {
  let text = ''
  let queue: Promise<unknown> = Promise.resolve()
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    if (text.length > LINE_CHARS_MAX) socket.destroy()
    for (const line of lines) {
      queue = queue.then(async () => {
        const answer = await answerLine(line, call, log)
        if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`)
      })
    }
  })
}

type Request = { readonly id?: unknown; readonly verb?: unknown; readonly arguments?: unknown }

async function answerLine(line: string, call: VerbCall, log: Log) {
  let request: Request
  try {
    request = JSON.parse(line) as Request
  } catch {
    return { id: null, status: 'error', error: 'send one JSON object a line' }
  }
  const id = request.id ?? null
  if (typeof request.verb !== 'string') {
    return { id, status: 'error', error: 'name a verb, such as "status"' }
  }
  try {
    return { id, status: 'ok', data: await call(request.verb, request.arguments) }
  } catch (error) {
    if (error instanceof OperatorError) return { id, status: 'error', error: error.message }
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    log('error', 'a control verb failed', { verb: request.verb, reason })
    return { id, status: 'error', error: 'internal error: see the log of the gateway' }
  }
}
