/**
 * A small HTTP server for what may only be read: GET and HEAD, no bodies, deadlines and bounds on
 * everything a client sends.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import type { Answer } from '../pages.ts'

/** A scraper, a probe, some browsers, and room for what forgets to close. */
const CONNECTIONS_MAX = 64
const REQUEST_DEADLINE_MS = 5_000
const HEADER_BYTES_MAX = 8_192
const KEEP_ALIVE_MS = 5_000
/** How often deadlines are looked at. */
const CHECK_PERIOD_MS = 1_000

export type OpenServer = { readonly port: number; readonly close: () => Promise<void> }

type Place = { readonly host: string; readonly port: number }

/** @throws OperatorError when the port cannot be opened */
export async function openServer(
  { host, port }: Place,
  answer: (path: string) => Promise<Answer | undefined>,
  log: Log,
): Promise<OpenServer> {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: REQUEST_DEADLINE_MS,
    requestTimeout: REQUEST_DEADLINE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_PERIOD_MS,
  })
  server.maxConnections = CONNECTIONS_MAX
  server.on('request', (request, response) => {
    serve(request, response, answer).catch((error: unknown) => {
      log('error', 'a request over HTTP failed', { reason: String(error) })
      send(response, failed)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(unusable({ host, port }, error)))
    server.listen(port, host, resolve)
  })
  const { port: taken } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: taken, close }
}

const plain = (status: number, body: string): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${body}\n`,
})
const failed = plain(500, 'internal error: see the log')
const notThere = plain(404, 'there is /healthz, /readyz and /metrics')
const notAllowed = plain(405, 'only GET and HEAD')

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (path: string) => Promise<Answer | undefined>,
): Promise<void> {
  // A body is nothing that anybody here reads.
  request.resume()
  const { method, url = '/' } = request
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    send(response, notAllowed)
    return
  }
  const [path = '/'] = url.split('?')
  send(response, (await answer(path)) ?? notThere)
}

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  if (response.headersSent) return
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  // Node sends no body in answer to HEAD.
  response.end(body)
}

const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: choose another port under "http"',
  EACCES: 'permission denied: choose a port above 1023 under "http"',
  EADDRNOTAVAIL: 'this machine has no such address: correct "http.host"',
}

function unusable({ host, port }: Place, error: Error): OperatorError {
  const code = 'code' in error ? String(error.code) : ''
  const reason = advice[code] ?? error.message
  return new OperatorError(`cannot serve HTTP on ${host}:${port}: ${reason}`, { cause: error })
}
