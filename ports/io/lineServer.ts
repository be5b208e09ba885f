/**
 * A control socket: newline-delimited JSON on a Unix socket that only its owner may open,
 * `{id, verb, arguments}` there and `{id, status, data | error}` back.
 * @module
 */
import { chmod, rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { OperatorError } from '../operatorError.ts'

/** What the kernel takes, less the byte at its end. */
const PATH_BYTES_MAX = 107

export type LineLimits = { readonly lineChars: number; readonly connections: number }

/** Runs a verb; an OperatorError is the caller's answer, anything else goes to `onBug`. */
export type LineServer = {
  readonly call: (verb: string, args: unknown) => Promise<unknown>
  readonly onBug: (verb: string, error: unknown) => void
  readonly limits: LineLimits
}

export type OpenLineServer = { readonly close: () => Promise<void> }

/**
 * Listens at `path`; a socket file that a crash left behind is replaced, so the caller must know
 * that nobody else serves there.
 * @throws OperatorError when the path cannot be used
 */
export async function openLineServer(path: string, options: LineServer): Promise<OpenLineServer> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new OperatorError(
      `the path of the control socket ${path} is too long: choose a shorter folder`,
    )
  }
  await rm(path, { force: true }).catch((error: unknown) => {
    throw socketError(path, error)
  })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    serve(socket, options)
  })
  server.maxConnections = options.limits.connections
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
    server.once('error', (error) => reject(socketError(path, error)))
    server.listen(path, resolve)
  }).finally(() => process.umask(mask))
}

const advice: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: give this user write access to its folder',
  EROFS: 'the file system is read-only: choose another folder',
  ENOSPC: 'the disk is full: free some space, then start again',
}

function socketError(path: string, error: unknown): OperatorError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = advice[code] ?? (error instanceof Error ? error.message : String(error))
  return new OperatorError(`cannot open the control socket ${path}: ${reason}`, { cause: error })
}

/** Answers leave in the order of the requests. */
function serve(socket: Socket, options: LineServer): void {
  let text = ''
  let queue: Promise<unknown> = Promise.resolve()
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    text += chunk
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    if (text.length > options.limits.lineChars) socket.destroy()
    for (const line of lines) {
      queue = queue.then(async () => {
        const answer = await answerLine(line, options)
        if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`)
      })
    }
  })
}

type Request = { readonly id?: unknown; readonly verb?: unknown; readonly arguments?: unknown }

async function answerLine(line: string, { call, onBug }: LineServer) {
  const request = parse(line)
  if (!request) return { id: null, status: 'error', error: 'send one JSON object a line' }
  const id = request.id ?? null
  const { verb } = request
  if (typeof verb !== 'string') {
    return { id, status: 'error', error: 'name a verb, such as "status"' }
  }
  try {
    return { id, status: 'ok', data: await call(verb, request.arguments) }
  } catch (error) {
    if (error instanceof OperatorError) return { id, status: 'error', error: error.message }
    onBug(verb, error)
    return { id, status: 'error', error: 'internal error: see the log' }
  }
}

function parse(line: string): Request | undefined {
  try {
    return (JSON.parse(line) as Request | null) ?? undefined
  } catch {
    return undefined
  }
}
