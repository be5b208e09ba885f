/**
 * Talks to a running gateway or agent through its control socket: newline-delimited JSON,
 * `{id, verb, arguments}` there and `{id, status, data | error}` back.
 * @module
 */
import { createConnection, type Socket } from 'node:net'
import { OperatorError } from '../../ports/operatorError.ts'
import { RefusedError, UnreachableError } from '../exitCodes.ts'
import { readJsonLine } from '../jsonLine.ts'

/** A page of channels or entries is far smaller; more is no answer of ours. */
const answerCharsMax = 64 * 1024 * 1024
const answerTimeoutMs = 60_000

/** The verbs of a gateway, wherever they are carried out. */
export type Calls = {
  /** Resolves with the data of the answer; rejects with RefusedError when the answer is no. */
  readonly call: (verb: string, args: Readonly<Record<string, unknown>>) => Promise<unknown>
  readonly close: () => Promise<void>
}

type Waiting = {
  readonly resolve: (data: unknown) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/** Connects to the socket at `path`; undefined when nothing listens there. */
export async function connectControl(path: string): Promise<Calls | undefined> {
  const socket = await openSocket(path)
  return socket && callsOver(socket, path)
}

function openSocket(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path })
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else reject(new OperatorError(`cannot use the control socket ${path}: ${reasonOf(error)}`))
    })
  })
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return 'permission denied: run this as the user that the gateway runs as'
  }
  return error.code === 'ENOTSOCK' ? 'that file is no socket' : (error.code ?? error.message)
}

function callsOver(socket: Socket, path: string): Calls {
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let received = ''
  const fail = (reason: string) => {
    for (const one of waiting.values()) {
      clearTimeout(one.timer)
      one.reject(new UnreachableError(`${reason} (${path})`))
    }
    waiting.clear()
    socket.destroy()
  }
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    received += chunk
    if (received.length > answerCharsMax) return fail('the answer is too long')
    const lines = received.split('\n')
    received = lines.pop() ?? ''
    for (const line of lines) answer(waiting, line)
  })
  socket.on('error', () => fail('the connection broke'))
  socket.on('close', () => fail('the other side closed the connection'))
  return {
    call: (verb, args) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(new UnreachableError(`the connection is closed (${path})`))
          return
        }
        const id = ++lastId
        const timer = setTimeout(() => fail('no answer'), answerTimeoutMs)
        waiting.set(id, { resolve, reject, timer })
        socket.write(`${JSON.stringify({ id, verb, arguments: args })}\n`)
      }),
    close: () =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve()
        socket.once('close', () => resolve())
        socket.end()
      }),
  }
}

function answer(waiting: Map<number, Waiting>, line: string): void {
  const { id, status, data, error } = readJsonLine(line)
  const one = typeof id === 'number' ? waiting.get(id) : undefined
  if (one === undefined || typeof id !== 'number') return
  waiting.delete(id)
  clearTimeout(one.timer)
  if (status === 'ok') one.resolve(data)
  else one.reject(new RefusedError(typeof error === 'string' ? error : 'refused without a reason'))
}
