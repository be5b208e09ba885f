/**
 * Listens for MQTT over TLS 1.3 and asks clients for their certificate. A line is handed on when
 * its handshake is over; until then it counts against a limit and a deadline of its own.
 * @module
 */
import type { Socket } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { createServer } from 'node:tls'
import type { Cancel, Ports } from '../../../ports/index.ts'
import { present } from '../../../protocol/assert.ts'
import type { BrokerCounters, PeerCertificate, TlsListener } from '../broker.ts'
import { countReason } from '../broker.ts'
import type { Doorway } from '../doorway.ts'
import { addressOf, FAILURE_COST } from '../doorway.ts'
import type { BrokerLimits } from '../limits.ts'
import type { CertificateFacts } from '../tls/certificates.ts'
import { readCertificate } from '../tls/certificates.ts'
import { stampOf } from './fileStamp.ts'
import type { OpenListener } from './tcpListener.ts'
import { listenTcp } from './tcpListener.ts'
import type { TlsMaterial } from './tlsFiles.ts'
import { filesOf, readTlsFiles } from './tlsFiles.ts'

export type TlsContext = {
  readonly ports: Pick<Ports, 'clock' | 'timers' | 'log'>
  readonly limits: BrokerLimits
  readonly counters: Pick<BrokerCounters, 'refused'>
  readonly doorway: Pick<Doorway<unknown>, 'isBarred' | 'failed'>
  readonly onConnection: (line: TLSSocket, remote: string, certificate: PeerCertificate) => void
}

/** Well within the time in which a revoked device has to be gone. */
const RELOAD_PERIOD_MS = 2_000
const REMIND_PERIOD_MS = 86_400_000
/** A ClientHello has more; a peer that has sent less by its deadline has not been kept waiting. */
const HELLO_BYTES_MIN = 200

type HalfOpen = { readonly line: Socket; readonly sinceMs: number; readonly cancel: Cancel }

type State = TlsContext & {
  readonly listener: TlsListener
  readonly server: ReturnType<typeof createServer>
  /** By the peer's address, oldest first. */
  readonly halfOpen: Map<string, HalfOpen>
  /** Connections that have shown a certificate. */
  readonly live: Map<TLSSocket, CertificateFacts>
  material: TlsMaterial
  /** Of the files as they were read last, where that can be told. */
  stamp: string | undefined
  /** A reload that failed is told once. */
  lastFailure: string
}

/** @throws OperatorError naming the file or the address, and what to do */
export async function listenTls(listener: TlsListener, context: TlsContext): Promise<OpenListener> {
  const { timers } = context.ports
  const material = present(await readTlsFiles(listener, undefined), 'files are new at first')
  const state: State = {
    ...context,
    listener,
    server: createServer(serverOptions(listener, material)),
    halfOpen: new Map(),
    live: new Map(),
    material,
    stamp: undefined,
    lastFailure: '',
  }
  state.server.on('secureConnection', (line) => secured(state, line))
  state.server.on('tlsClientError', (error, line) => {
    countReason(state.counters.refused, 'no_tls')
    state.ports.log('debug', 'no TLS connection', { reason: error.message })
    if (line.remoteAddress) noteFailure(state, `${line.remoteAddress}:${line.remotePort}`)
    line.destroy()
  })
  const open = await listenTcp(listener, (line, remote) => begin(state, line, remote))
  remind(state)
  const cancels = [
    timers.every(
      RELOAD_PERIOD_MS,
      oneAtATime(() => reload(state)),
    ),
    timers.every(REMIND_PERIOD_MS, () => remind(state)),
  ]
  return {
    port: open.port,
    close: async () => {
      for (const cancel of cancels) cancel()
      for (const { line } of state.halfOpen.values()) line.destroy()
      await open.close()
    },
  }
}

function serverOptions(listener: TlsListener, { cert, key, ca }: TlsMaterial): TlsOptions {
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ca: Buffer.from(ca),
    minVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: listener.clientCertificate === 'required',
  }
}

/** A new line, of which nothing is known. */
function begin(state: State, line: Socket, remote: string): void {
  const { limits, ports, halfOpen } = state
  line.on('error', () => {})
  const refusal = refusalAtDoor(state, remote)
  if (refusal !== undefined) {
    countReason(state.counters.refused, refusal)
    line.destroy()
    return
  }
  const cancel = ports.timers.after(limits.handshakeDeadlineMs, () => {
    countReason(state.counters.refused, 'handshake_deadline')
    ports.log('debug', 'no TLS connection', { reason: 'handshake_deadline', remote })
    if (line.bytesRead < HELLO_BYTES_MIN) noteFailure(state, remote)
    line.destroy()
  })
  halfOpen.set(remote, { line, sinceMs: ports.clock.monotonicMs(), cancel })
  line.once('close', () => endHandshake(state, remote))
  state.server.emit('connection', line)
}

/** Asked before the handshake, which costs more than anything else that a stranger can cause. */
function refusalAtDoor(state: State, remote: string): string | undefined {
  const { doorway, halfOpen, limits, ports } = state
  if (doorway.isBarred(addressOf(remote), ports.clock.monotonicMs())) return 'failed_logins'
  return halfOpen.size >= limits.handshakesMax && !dropSlowest(state) ? 'too_many' : undefined
}

function noteFailure({ doorway, ports }: State, remote: string): void {
  doorway.failed(addressOf(remote), ports.clock.monotonicMs(), FAILURE_COST)
}

/** Whoever opens lines and leaves them so must not keep others out; a crowd must not be undone. */
function dropSlowest({ halfOpen, limits, ports }: State): boolean {
  const [oldest] = halfOpen.values()
  if (!oldest) return false
  if (ports.clock.monotonicMs() - oldest.sinceMs < limits.handshakeGraceMs) return false
  oldest.line.destroy()
  return true
}

function endHandshake({ halfOpen }: State, remote: string): void {
  halfOpen.get(remote)?.cancel()
  halfOpen.delete(remote)
}

/** The handshake is over: whom does the certificate name? */
function secured(state: State, line: TLSSocket): void {
  const remote = `${line.remoteAddress}:${line.remotePort}`
  endHandshake(state, remote)
  line.on('error', () => {})
  const shown = line.getPeerX509Certificate()
  if (!shown && state.listener.clientCertificate === 'optional') {
    state.onConnection(line, remote, { name: undefined })
    return
  }
  // A resumed session is not verified again: what may have changed since is looked at here.
  const facts = shown && line.authorized ? readCertificate(shown.raw) : undefined
  const refusal = facts ? refusalOf(state, facts) : 'bad_certificate'
  if (!facts || refusal !== undefined) {
    const reason = refusal ?? 'bad_certificate'
    countReason(state.counters.refused, reason)
    state.ports.log('info', 'certificate refused', {
      reason,
      remote,
      name: facts?.commonName ?? '',
    })
    noteFailure(state, remote)
    line.destroy()
    return
  }
  state.live.set(line, facts)
  line.once('close', () => state.live.delete(line))
  state.onConnection(line, remote, { name: facts.commonName })
}

function refusalOf({ material, ports }: State, facts: CertificateFacts): string | undefined {
  if (facts.commonName === undefined) return 'certificate_without_name'
  if (material.revoked.has(facts.id)) return 'certificate_revoked'
  const isOver = facts.notAfterSeconds * 1_000 < ports.clock.nowMs()
  return isOver ? 'certificate_expired' : undefined
}

/** Takes in what changed in the files, and cuts off whose certificate no longer counts. */
async function reload(state: State): Promise<void> {
  const { listener, ports } = state
  const stamp = await stampOf(filesOf(listener), ports.clock.nowMs())
  if (stamp === undefined || stamp !== state.stamp) {
    state.stamp = (await takeFiles(state)) ? stamp : undefined
  }
  cutOff(state, (facts) => refusalOf(state, facts))
}

/** True when they could be used. */
async function takeFiles(state: State): Promise<boolean> {
  const { listener, server, ports } = state
  try {
    const fresh = await readTlsFiles(listener, state.material.version)
    if (fresh) {
      const { authorities } = state.material
      // Tickets of the old context resume no session in the new one.
      server.setSecureContext(serverOptions(listener, fresh))
      state.material = fresh
      ports.log('info', 'certificates read again', { file: listener.certificate })
      remind(state)
      const isOneGone = [...authorities].some((one) => !fresh.authorities.has(one))
      if (isOneGone) cutOff(state, () => 'authority_removed')
    }
    state.lastFailure = ''
    return true
  } catch (error) {
    tellFailure(state, error)
    return false
  }
}

/** Old files stay in use. While one of two is written, the pair does not fit for a moment. */
function tellFailure(state: State, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error)
  if (reason !== state.lastFailure) {
    state.ports.log('error', 'cannot use the new certificates, the old ones stay', { reason })
  }
  state.lastFailure = reason
}

function cutOff(state: State, refusal: (facts: CertificateFacts) => string | undefined): void {
  for (const [line, facts] of state.live) {
    const reason = refusal(facts)
    if (reason === undefined) continue
    state.ports.log('info', 'connection closed', { reason, name: facts.commonName ?? '' })
    state.live.delete(line)
    line.destroy()
  }
}

function remind({ material, ports }: State): void {
  for (const warning of material.warningsAt(ports.clock.nowMs())) ports.log('warn', warning)
}

function oneAtATime(run: () => Promise<void>): () => void {
  let isRunning = false
  return () => {
    if (isRunning) return
    isRunning = true
    run().finally(() => {
      isRunning = false
    })
  }
}
