/**
 * The files of the dashboard over HTTP: a fixed list, read once, with headers that let a page load
 * and reach nothing but where it came from.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'

type Page = { readonly contentType: string; readonly body: Buffer }

/** Path, and the file in `dist/dashboard` with its type. */
const files: Readonly<Record<string, readonly [string, string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/dashboard.js': ['dashboard.js', 'text/javascript; charset=utf-8'],
  '/worker.js': ['worker.js', 'text/javascript; charset=utf-8'],
  '/dashboard.css': ['dashboard.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
}

/** Built from sources beside this file, or beside where the build has put it. */
const places = ['../../../dashboard/', '../../../dist/dashboard/']

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headers: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-cache',
}

const read = new Map<string, Page>()

/** Answers GET and HEAD for a file of the dashboard; everything else is refused. */
export function answerPage(request: IncomingMessage, response: ServerResponse): void {
  // A body is nothing that anybody here reads.
  request.resume()
  const { method, url = '/' } = request
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    send(response, 405, plain('only GET and HEAD'))
    return
  }
  const [path = '/'] = url.split('?')
  const found = Object.hasOwn(files, path) ? pageAt(path) : undefined
  if (found) send(response, 200, found)
  else send(response, 404, plain('the dashboard is at /, MQTT over WebSocket at /mqtt'))
}

function send(response: ServerResponse, status: number, { contentType, body }: Page): void {
  response.writeHead(status, {
    ...headers,
    'content-type': contentType,
    'content-length': body.length,
  })
  // Node sends no body in answer to HEAD.
  response.end(body)
}

function plain(text: string): Page {
  return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`${text}\n`) }
}

/** Undefined while the dashboard is not built. */
function pageAt(path: string): Page | undefined {
  const known = read.get(path)
  if (known) return known
  const [file = '', contentType = ''] = files[path] ?? []
  const candidates = places.map((place) => new URL(`${place}${file}`, import.meta.url))
  // Sources lie in a folder of the same name, without what the build makes.
  const found = candidates.find((one) => isBuilt(one) && existsSync(one))
  if (!found) return undefined
  const page = { contentType, body: readFileSync(found) }
  read.set(path, page)
  return page
}

function isBuilt(file: URL): boolean {
  return existsSync(new URL('dashboard.js', file))
}
