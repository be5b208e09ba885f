/**
 * A broker on a TLS port, with certificates of openssl, and clients that say what they are told.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import type { Broker, TlsListener } from '../../gateway/broker/broker.ts'
import { createBroker } from '../../gateway/broker/io/embeddedBroker.ts'
import type { BrokerLimits } from '../../gateway/broker/limits.ts'
import { refuseCertificate } from '../../gateway/broker/tls/certificateRule.ts'
import { nodeClock, nodeTimers } from '../../ports/io/node.ts'
import { mayAccess } from '../../protocol/access.ts'
import { connectPacket } from '../broker/rawClient.ts'
import { authenticateForTests } from '../broker/world.ts'
import type { Authority, Pair, Workshop } from './openssl.ts'
import { startWorkshop } from './openssl.ts'

export type TlsWorld = {
  readonly workshop: Workshop
  readonly authority: Authority
  readonly listener: TlsListener
  readonly broker: Broker
  readonly port: number
  /** What the gateway's log says, as `message reason`. */
  readonly log: readonly string[]
  /** `+ id` and `- id` as sessions come and go. */
  readonly sessions: readonly string[]
  readonly close: () => Promise<void>
}

export type TlsWorldOptions = {
  readonly limits?: Partial<BrokerLimits>
  /** So much later it is for the gateway: files that were just written have lain for a while. */
  readonly laterMs?: number
  readonly change?: (workshop: Workshop, authority: Authority) => Partial<TlsListener>
}

export async function startTlsWorld(options: TlsWorldOptions = {}): Promise<TlsWorld> {
  const workshop = startWorkshop()
  const authority = workshop.authority('first')
  const listener: TlsListener = {
    kind: 'tls',
    host: '127.0.0.1',
    port: 0,
    roles: ['device', 'fleet', 'reader'],
    ...workshop.server(authority),
    clientAuthority: authority.certificate,
    clientCertificate: 'required',
    ...options.change?.(workshop, authority),
  }
  const log: string[] = []
  const sessions: string[] = []
  const { laterMs = 0 } = options
  const broker = await createBroker({
    ports: {
      clock: { ...nodeClock, nowMs: () => nodeClock.nowMs() + laterMs },
      timers: nodeTimers,
      log: (_level, message, fields) => log.push(`${message} ${fields?.['reason'] ?? ''}`.trim()),
    },
    handlers: {
      authenticate: async (request) => {
        const refused = refuseCertificate(request.username ?? '', request.certificate)
        return refused ? { refused } : authenticateForTests(request)
      },
      mayAccess,
      onMessage: (_identity, _session, _topic, _payload, done) => done(),
      onConnected: (_identity, id) => sessions.push(`+ ${id}`),
      onDisconnected: (_identity, id) => sessions.push(`- ${id}`),
    },
    ...(options.limits ? { limits: options.limits } : {}),
  })
  const [port = 0] = await broker.listen([listener])
  const close = async () => {
    await broker.close()
    workshop.close()
  }
  return { workshop, authority, listener, broker, port, log, sessions, close }
}

export type TlsClient = {
  readonly socket: TLSSocket
  /** The CONNACK's return code, or why there was none. */
  readonly answer: Promise<number | string>
  readonly closed: Promise<void>
}

/** Connects with a certificate, or none, and says that it is `username`. */
export function connectTls(
  { port, authority }: Pick<TlsWorld, 'port' | 'authority'>,
  own: Pair | undefined,
  username: string,
  options: ConnectionOptions = {},
): TlsClient {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: readFileSync(authority.certificate),
    ...(own ? { cert: readFileSync(own.certificate), key: readFileSync(own.key) } : {}),
    ...options,
  })
  let failure = 'closed'
  socket.on('error', (error: NodeJS.ErrnoException) => {
    failure = error.code ?? error.message
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const answer = new Promise<number | string>((resolve) => {
    socket.on('data', (bytes) => resolve(bytes[3] ?? 'short'))
    socket.once('close', () => resolve(failure))
  })
  socket.once('secureConnect', () => {
    socket.write(connectPacket({ clientId: username, username, password: 'good' }))
  })
  return { socket, answer, closed }
}

/** Runs `openssl s_client`; what it said, and whether the handshake was completed. */
export async function sClient(port: number, ...words: readonly string[]): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...words])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => {
      text += String(bytes)
    })
  }
  child.stdin.on('error', () => {})
  child.stdin.end()
  await once(child, 'close')
  return text
}
