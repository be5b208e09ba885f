/**
 * What stands between a line and MQTT over WebSocket (MQTT 3.1.1 section 6): one HTTP request that
 * is either for a page or asks for WebSocket. Until it has, the line counts against a limit and a
 * deadline of its own; from then on it is a line like any other.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Cancel, Ports } from '../../../ports/index.ts'
import type { BrokerCounters, PeerCertificate } from '../broker.ts'
import { countReason } from '../broker.ts'
import type { Doorway } from '../doorway.ts'
import { addressOf, FAILURE_COST } from '../doorway.ts'
import type { BrokerLimits } from '../limits.ts'

export type DoorContext = {
  readonly ports: Pick<Ports, 'clock' | 'timers' | 'log'>
  readonly limits: BrokerLimits
  readonly counters: Pick<BrokerCounters, 'refused'>
  readonly doorway: Pick<Doorway<unknown>, 'isBarred' | 'failed'>
  readonly onConnection: (
    line: Duplex,
    remote: string,
    certificate: PeerCertificate | undefined,
    /** Of the page that asks; a program names none. */
    origin: string | undefined,
  ) => void
  /** Answers a request that does not ask for WebSocket. */
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void
}

export type WebSocketDoor = {
  readonly take: (line: Duplex, remote: string, certificate: PeerCertificate | undefined) => void
  /** Ends what is no WebSocket yet. */
  readonly close: () => void
}

/** Where clients of MQTT look by convention. */
const MQTT_PATH = '/mqtt'
const HEADER_BYTES_MAX = 8_192
/** A frame carries what its sender wrote at once, which may be more than one packet. */
const FRAME_SLACK_BYTES = 1_024
/** A page is fetched, and then its parts. */
const PAGE_KEEP_ALIVE_MS = 5_000

type Caller = { readonly remote: string; readonly certificate: PeerCertificate | undefined }
type State = DoorContext & {
  readonly callers: WeakMap<object, Caller>
  readonly waiting: Map<Duplex, Cancel>
  readonly sockets: WebSocketServer
}

export function createWebSocketDoor(context: DoorContext): WebSocketDoor {
  const { limits } = context
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: limits.handshakeDeadlineMs,
    requestTimeout: limits.handshakeDeadlineMs,
    keepAliveTimeout: PAGE_KEEP_ALIVE_MS,
  })
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compressed, a small frame could become any number of bytes.
    perMessageDeflate: false,
    maxPayload: limits.fleetPacketBytesMax + FRAME_SLACK_BYTES,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  })
  const state: State = { ...context, callers: new WeakMap(), waiting: new Map(), sockets }
  server.on('request', (request, response) => {
    rearm(state, request.socket)
    context.onRequest(request, response)
  })
  server.on('upgrade', (request, line, head) => upgrade(state, request, line, head))
  return {
    take: (line, remote, certificate) => {
      line.on('error', () => {})
      const refusal = refusalAtDoor(state, remote)
      if (refusal !== undefined) {
        countReason(state.counters.refused, refusal)
        line.destroy()
        return
      }
      state.callers.set(line, { remote, certificate })
      rearm(state, line)
      line.once('close', () => disarm(state, line))
      server.emit('connection', line)
    },
    close: () => {
      for (const line of state.waiting.keys()) line.destroy()
    },
  }
}

function refusalAtDoor(state: State, remote: string): string | undefined {
  if (state.doorway.isBarred(addressOf(remote), state.ports.clock.monotonicMs()))
    return 'failed_logins'
  return state.waiting.size >= state.limits.handshakesMax ? 'too_many' : undefined
}

/** From the line's first byte, or from its last request, to WebSocket or to the next request. */
function rearm(state: State, line: Duplex): void {
  disarm(state, line)
  const cancel = state.ports.timers.after(state.limits.handshakeDeadlineMs, () => {
    countReason(state.counters.refused, 'handshake_deadline')
    line.destroy()
  })
  state.waiting.set(line, cancel)
}

function disarm({ waiting }: State, line: Duplex): void {
  waiting.get(line)?.()
  waiting.delete(line)
}

function upgrade(state: State, request: IncomingMessage, line: Duplex, head: Buffer): void {
  const caller = state.callers.get(line)
  disarm(state, line)
  const refusal = refusalOf(request)
  if (refusal !== undefined || caller === undefined) {
    const reason = refusal ?? 'no_websocket'
    countReason(state.counters.refused, reason)
    if (caller) {
      state.ports.log('info', 'WebSocket refused', { reason, remote: caller.remote })
      state.doorway.failed(addressOf(caller.remote), state.ports.clock.monotonicMs(), FAILURE_COST)
    }
    line.end(`HTTP/1.1 ${statusOf(reason)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    return
  }
  state.sockets.handleUpgrade(request, line, head, (socket) => {
    const { remote, certificate } = caller
    state.onConnection(openLine(socket), remote, certificate, request.headers.origin)
  })
}

function refusalOf(request: IncomingMessage): string | undefined {
  const [path] = (request.url ?? '').split('?')
  if (path !== MQTT_PATH) return 'wrong_path'
  const offered = request.headers['sec-websocket-protocol'] ?? ''
  if (!offered.split(',').some((one) => one.trim() === 'mqtt')) return 'no_mqtt_protocol'
  return isOwnOrigin(request) ? undefined : 'foreign_page'
}

function statusOf(reason: string): string {
  if (reason === 'wrong_path') return '404 Not Found'
  return reason === 'foreign_page' ? '403 Forbidden' : '400 Bad Request'
}

/** Programs name no origin; a page in a browser has to come from here. */
function isOwnOrigin({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()
}

/** MQTT travels in binary frames only (section 6.0). */
function openLine(socket: WebSocket): Duplex {
  const line = createWebSocketStream(socket)
  socket.on('message', (_data, isBinary) => {
    if (!isBinary) line.destroy()
  })
  return line
}
