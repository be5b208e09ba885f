/**
 * The fleet's own service: stays signed in at the gateway and renews the mandates of its devices
 * within the policy, for ever. Whatever is away, it waits and tries again.
 * @module
 */
import type { Cancel, Connector, Ports, Transport } from '../ports/index.ts'
import { bytesToHex, utf8ToBytes } from '../protocol/bytes.ts'
import { FLEET_ITSELF } from '../protocol/ids.ts'
import { encodeHello } from '../protocol/messages.ts'
import { formatTopic, parseTopic, TOPIC_ROOT } from '../protocol/topics.ts'
import { type FleetIdentity, loginOptions, readSignedTime } from './login.ts'
import type { Policy } from './policy.ts'
import {
  answered,
  learn,
  type MandateRequest,
  newRenewals,
  nextRequest,
  type Renewals,
} from './renewals.ts'
import { type DeviceReport, readDeviceReport } from './reports.ts'
import { type RootWatch, watchRoots } from './rootWatch.ts'
import type { StatementWatch } from './statementWatch.ts'

/** Even when no report comes, mandates grow old. */
const reviewPeriodMs = 60_000
/** After a report: others often follow at once. */
const reviewDelayMs = 200
/** An unanswered request is sent again. */
const answerTimeoutMs = 15_000
const backoffFirstMs = 1_000
const backoffMaxMs = 60_000
/** A session that lasted this long was a good one: the next wait is short again. */
const goodSessionMs = 60_000

export type FleetServiceOptions = {
  readonly identity: FleetIdentity
  readonly policy: Policy
  readonly connector: Connector
  /** Co-signs statements; without it, evidence settles. */
  readonly statements?: StatementWatch
  /** Sees every report of a device; undefined: the device is gone. */
  readonly onReport?: (device: string, report: DeviceReport | undefined) => void
}

export type FleetState = 'connecting' | 'connected' | 'correcting_clock' | 'waiting' | 'stopped'

export type FleetService = {
  readonly state: () => FleetState
  /** Asks for an order without an answer; false when there is no session. */
  readonly request: (verb: 'pause' | 'resume', device: string) => boolean
  /** Ends the session and every timer. */
  readonly stop: () => Promise<void>
}

type Service = {
  readonly options: FleetServiceOptions
  readonly ports: Ports
  readonly renewals: Renewals
  readonly roots: RootWatch
  state: FleetState
  transport: Transport | undefined
  /** A time that the gateway has agreed to, or is about to judge, and when that was. */
  anchor: { readonly seconds: number; readonly monotonicMs: number }
  /** The anchor is the gateway's own time: the next login uses it instead of the wall clock. */
  isCorrected: boolean
  backoffMs: number
  cancelReview: Cancel | undefined
  cancelWait: Cancel | undefined
  sentAtMs: number
  /** Mandates are being signed. */
  isSigning: boolean
}

/** Starts at once; never throws and never ends by itself. */
export function startFleetService(options: FleetServiceOptions, ports: Ports): FleetService {
  const { signerKey, domain } = options.identity
  const service: Service = {
    options,
    ports,
    renewals: newRenewals(options.policy, signerKey, domain, ports.log),
    roots: watchRoots(options.identity, ports.log),
    state: 'connecting',
    transport: undefined,
    anchor: wallAnchor(ports),
    isCorrected: false,
    backoffMs: backoffFirstMs,
    cancelReview: undefined,
    cancelWait: undefined,
    sentAtMs: Number.NEGATIVE_INFINITY,
    isSigning: false,
  }
  const cancelPeriod = ports.timers.every(reviewPeriodMs, () => review(service))
  connect(service)
  return {
    state: () => service.state,
    request: (verb, device) => request(service, verb, device),
    stop: async () => {
      service.state = 'stopped'
      options.statements?.stop()
      cancelPeriod()
      service.cancelReview?.()
      service.cancelWait?.()
      await service.transport?.close()
    },
  }
}

function wallAnchor(ports: Ports): Service['anchor'] {
  const { clock } = ports
  const seconds = Math.max(0, Math.floor(clock.nowMs() / 1_000))
  return { seconds, monotonicMs: clock.monotonicMs() }
}

/**
 * Seconds since 1970, counted from the time of the login: a wall clock that jumps during a session
 * must not lengthen the life of a mandate.
 */
function nowSeconds(service: Service): number {
  const { seconds, monotonicMs } = service.anchor
  return seconds + Math.floor((service.ports.clock.monotonicMs() - monotonicMs) / 1_000)
}

function connect(service: Service): void {
  service.state = 'connecting'
  if (!service.isCorrected) service.anchor = wallAnchor(service.ports)
  service.isCorrected = false
  const nonce = service.ports.random.bytes(32)
  const login = loginOptions(service.options.identity, nowSeconds(service), nonce)
  const startedMs = service.ports.clock.monotonicMs()
  login.then(service.options.connector).then(
    (transport) => openSession(service, transport, nonce, startedMs),
    (error: unknown) => waitThenConnect(service, messageOf(error), startedMs),
  )
}

function openSession(
  service: Service,
  transport: Transport,
  nonce: Uint8Array,
  startedMs: number,
): void {
  if (service.state === 'stopped') {
    void transport.close()
    return
  }
  const { fleet } = service.options.identity
  const welcome = `${TOPIC_ROOT}/${fleet}/${FLEET_ITSELF}/down/welcome`
  service.transport = transport
  transport.onClose(() => {
    if (service.transport !== transport) return
    service.transport = undefined
    service.options.statements?.disconnected()
    waitThenConnect(service, 'the connection ended', startedMs)
  })
  transport.onMessage((topic, payload) => {
    if (service.transport !== transport) return
    if (topic === welcome) correctClock(service, transport, nonce, payload)
    else receive(service, topic, payload)
  })
  subscribe(service, transport, welcome).catch((error: unknown) => {
    if (service.transport !== transport) return
    service.ports.log('info', 'cannot subscribe, asking for the time', { reason: messageOf(error) })
    askForTime(service, transport)
  })
}

/**
 * A gateway that accepts the login and refuses the subscription holds our clock for wrong. When no
 * answer comes either, the connection is of no use.
 */
function askForTime(service: Service, transport: Transport): void {
  const { fleet } = service.options.identity
  const hello = `${TOPIC_ROOT}/${fleet}/${FLEET_ITSELF}/up/hello`
  const payload = encodeHello({ mark: undefined, meters: [] })
  transport.publish(hello, payload, { retain: false }).catch(() => undefined)
  service.cancelWait = service.ports.timers.after(answerTimeoutMs, () => {
    if (service.transport === transport) void transport.close()
  })
}

/** First the topic that a session with a stale clock may read, for it may read nothing else. */
async function subscribe(service: Service, transport: Transport, welcome: string): Promise<void> {
  const { fleet, gateway } = service.options.identity
  await transport.subscribe([welcome])
  if (service.transport !== transport) return
  await transport.subscribe([
    `${TOPIC_ROOT}/${fleet}/${FLEET_ITSELF}/devices/+`,
    formatTopic({ kind: 'response', fleet, verb: 'mandate' }),
    formatTopic({ kind: 'gateway', gateway: gateway.id, name: 'receipts' }),
    ...(service.options.statements?.topics ?? []),
  ])
  if (service.transport !== transport) return
  service.state = 'connected'
  service.ports.log('info', 'signed in at the gateway', { fleet })
  service.sentAtMs = Number.NEGATIVE_INFINITY
  service.options.statements?.connected(transport)
  review(service)
}

/** The login was good, its time was not: take the gateway's signed time and sign in again. */
function correctClock(
  service: Service,
  transport: Transport,
  nonce: Uint8Array,
  payload: Uint8Array,
): void {
  const timeSeconds = readSignedTime(service.options.identity, nonce, payload)
  if (timeSeconds === undefined) return
  const { clock, log } = service.ports
  log('warn', 'the clock of this machine is wrong, using the time of the gateway', {
    offsetSeconds: timeSeconds - nowSeconds(service),
  })
  service.anchor = { seconds: timeSeconds, monotonicMs: clock.monotonicMs() }
  service.isCorrected = true
  service.cancelWait?.()
  service.state = 'correcting_clock'
  service.transport = undefined
  void transport.close()
  waitThenConnect(service, 'signing in with the corrected time', undefined)
}

function receive(service: Service, text: string, payload: Uint8Array): void {
  const topic = parseTopic(text)
  service.options.statements?.take(text, payload)
  if (topic?.kind === 'deviceReport') {
    const report = payload.length === 0 ? undefined : readDeviceReport(payload)
    if (payload.length > 0 && report?.device !== topic.device) {
      service.ports.log('warn', 'unreadable device report', { device: topic.device })
      return
    }
    learn(service.renewals, topic.device, report)
    service.options.onReport?.(topic.device, report)
    reviewSoon(service)
  } else if (topic?.kind === 'gateway' && topic.name === 'receipts') {
    service.roots.take(payload)
  } else if (topic?.kind === 'response' && topic.verb === 'mandate') {
    if (answered(service.renewals, payload, nowSeconds(service))) reviewSoon(service)
  }
}

function reviewSoon(service: Service): void {
  service.cancelReview ??= service.ports.timers.after(reviewDelayMs, () => {
    service.cancelReview = undefined
    review(service)
  })
}

/** Sends what is due, or again what was not answered. */
function review(service: Service): void {
  const { transport, renewals, ports } = service
  if (transport === undefined || service.state !== 'connected') return
  const waiting = renewals.underWay
  const nowMs = ports.clock.monotonicMs()
  if (waiting !== undefined && nowMs - service.sentAtMs < answerTimeoutMs) return
  if (service.isSigning) return
  service.isSigning = true
  nextRequest(renewals, nowSeconds(service))
    .then((request) => request && send(service, request))
    .catch((error: unknown) => ports.log('error', 'cannot sign', { reason: messageOf(error) }))
    .finally(() => {
      service.isSigning = false
    })
}

/** Where the session has ended meanwhile, the next one sends it. */
function send(service: Service, request: MandateRequest): void {
  const { transport, ports, state } = service
  if (transport === undefined || state !== 'connected') return
  service.sentAtMs = ports.clock.monotonicMs()
  const { fleet } = service.options.identity
  const topic = formatTopic({ kind: 'request', fleet, verb: 'mandate' })
  transport.publish(topic, request.payload, { retain: false }).catch(() => {
    // The connection ended; onClose leads to the next one, which sends it again.
  })
}

function request(service: Service, verb: 'pause' | 'resume', device: string): boolean {
  const { ports, state, transport } = service
  if (transport === undefined || state !== 'connected') return false
  const { fleet } = service.options.identity
  const transaction = bytesToHex(ports.random.bytes(8))
  const payload = utf8ToBytes(JSON.stringify({ transaction, device }))
  const topic = formatTopic({ kind: 'request', fleet, verb })
  transport.publish(topic, payload, { retain: false }).catch(() => undefined)
  return true
}

/** `startedMs`: when the session began that failed; undefined to wait without blame. */
function waitThenConnect(service: Service, reason: string, startedMs: number | undefined): void {
  if (service.state === 'stopped') return
  const { clock, timers, random, log } = service.ports
  const lastedMs = startedMs === undefined ? 0 : clock.monotonicMs() - startedMs
  if (lastedMs >= goodSessionMs) service.backoffMs = backoffFirstMs
  // Half fixed, half random: many services do not come back at the same moment.
  const dice = (random.bytes(1)[0] ?? 0) / 256
  const delayMs = Math.round(service.backoffMs * (0.5 + 0.5 * dice))
  service.backoffMs = Math.min(backoffMaxMs, service.backoffMs * 2)
  service.state = 'waiting'
  log('info', 'not signed in', { reason, retryInMs: delayMs })
  service.cancelWait = timers.after(delayMs, () => connect(service))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
