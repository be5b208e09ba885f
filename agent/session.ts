/**
 * The connection to the gateway: log in with a signed token, say hello, take what comes, and start
 * again whenever it ends. It never gives up, and nothing is queued from one connection to the next.
 * @module
 */
import type { Cancel, Connector, Ports, Transport } from '../ports/index.ts'
import { equalBytes } from '../protocol/bytes.ts'
import type { PublicKey } from '../protocol/keys.ts'
import { verifyDigest } from '../protocol/keys.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../protocol/limits.ts'
import type { Hello, Mark, Welcome } from '../protocol/messages.ts'
import { decodeTime, decodeWelcome, encodeHello } from '../protocol/messages.ts'
import { digestOf, timeStructure } from '../protocol/structures.ts'
import type { DownName, UpName } from '../protocol/topics.ts'
import { downFilter, formatTopic, parseTopic } from '../protocol/topics.ts'
import type { Domain } from '../protocol/typedData.ts'
import type { AgentClock } from './agentClock.ts'
import { retryDelayMs } from './backoff.ts'
import { signLogin } from './deviceLogin.ts'
import type { Signer } from './epochs.ts'
import { inTime } from './inTime.ts'

export type SessionConfig = {
  readonly fleet: string
  readonly device: string
  readonly gateway: { readonly id: string; readonly key: PublicKey }
  readonly domain: Domain
  readonly keepaliveSeconds: number
}

export type SessionWorld = {
  readonly ports: Ports
  readonly connector: Connector
  readonly clock: AgentClock
  readonly signer: Signer
  readonly hello: () => Hello
  /** The last will: a short state. */
  readonly will: () => Uint8Array
  readonly onWelcome: (welcome: Welcome) => void
  readonly onMessage: (name: DownName, payload: Uint8Array) => void
  readonly onOffline: () => void
}

export type SessionState = 'connecting' | 'online' | 'waiting' | 'closed'

export type Session = {
  /** False when there is no connection, or it ended before the broker had the message. */
  readonly publish: (name: UpName, payload: Uint8Array) => Promise<boolean>
  readonly publishState: (payload: Uint8Array) => Promise<boolean>
  /** Says hello again, so that the gateway tells everything once more. */
  readonly resync: () => void
  readonly status: () => SessionStatus
  readonly close: () => Promise<void>
}

export type SessionStatus = {
  readonly state: SessionState
  /** Why there is no connection now, or why the last one ended. */
  readonly reason: string | undefined
  /** Connect tokens signed. */
  readonly connects: number
}

/** From hello to welcome. */
const WELCOME_TIMEOUT_MS = 10_000
/** A connection that lasted this long after its welcome was a good one. */
const GOOD_CONNECTION_MS = 10_000
const RESYNC_MS_MIN = 5_000
/** Longest wait for a closed connection to say so. */
const CLOSE_TIMEOUT_MS = 2_000

type Running = {
  readonly config: SessionConfig
  readonly world: SessionWorld
  transport: Transport | undefined
  nonce: Uint8Array
  state: SessionState
  reason: string | undefined
  connects: number
  failures: number
  stopped: boolean
  /** The gateway's signed time was taken over: reconnect at once. */
  retimed: boolean
  welcomedMs: number | undefined
  resyncedMs: number
  /** Ends the present wait or connection. */
  interrupt: (reason: string) => void
}

/** Starts connecting at once. */
export function startSession(config: SessionConfig, world: SessionWorld): Session {
  const running: Running = {
    config,
    world,
    transport: undefined,
    nonce: new Uint8Array(32),
    state: 'connecting',
    reason: undefined,
    connects: 0,
    failures: 0,
    stopped: false,
    retimed: false,
    welcomedMs: undefined,
    resyncedMs: Number.NEGATIVE_INFINITY,
    interrupt: () => undefined,
  }
  const finished = run(running)
  const { fleet, device } = config
  return {
    publish: (name, payload) =>
      publish(running, formatTopic({ kind: 'up', fleet, device, name }), payload, false),
    publishState: (payload) =>
      publish(running, formatTopic({ kind: 'deviceState', fleet, device }), payload, true),
    resync: () => resync(running),
    status: () => ({
      state: running.state,
      reason: running.reason,
      connects: running.connects,
    }),
    close: async () => {
      running.stopped = true
      running.interrupt('stopped')
      await inTime(finished, world.ports.timers, CLOSE_TIMEOUT_MS)
    },
  }
}

async function run(running: Running): Promise<void> {
  const { ports } = running.world
  while (!running.stopped) {
    running.state = 'connecting'
    const hadTime = running.retimed
    running.retimed = false
    const reason = await connectOnce(running)
    running.reason = reason
    if (running.stopped) break
    running.state = 'waiting'
    const lastedMs = ports.clock.monotonicMs() - (running.welcomedMs ?? Number.POSITIVE_INFINITY)
    running.failures = lastedMs >= GOOD_CONNECTION_MS ? 1 : running.failures + 1
    running.welcomedMs = undefined
    if (running.retimed && !hadTime) continue
    ports.log('warn', 'not connected to the gateway', { reason, failures: running.failures })
    await pause(running, retryDelayMs(running.failures, ports.random))
  }
  running.state = 'closed'
}

/** One connection from its login to its end; resolves with why it ended. */
async function connectOnce(running: Running): Promise<string> {
  const { connector, onOffline } = running.world
  let transport: Transport
  try {
    const login = await loginOf(running)
    if (running.stopped) return 'stopped'
    transport = await connector(login)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const ended = whenEnded(running, transport)
  transport.onMessage((topic, payload) => {
    if (running.transport === transport) takeMessage(running, topic, payload)
  })
  running.transport = transport
  if (running.stopped) running.interrupt('stopped')
  greet(running, transport)
  const reason = await ended
  running.transport = undefined
  onOffline()
  return reason
}

async function loginOf(running: Running) {
  const { config, world } = running
  const { fleet, device } = config
  running.nonce = world.ports.random.bytes(32)
  running.connects += 1
  const login = await signLogin(config, world.signer, world.clock.now().seconds, running.nonce)
  const topic = formatTopic({ kind: 'deviceState', fleet, device })
  return { ...login, will: { topic, payload: world.will(), retain: true } }
}

/** Resolves when the connection ended by itself or by `interrupt`; never later than that. */
function whenEnded(running: Running, transport: Transport): Promise<string> {
  const { timers } = running.world.ports
  return new Promise((resolve) => {
    let why = 'the connection ended'
    let cancel: Cancel = () => undefined
    transport.onClose(() => {
      cancel()
      resolve(why)
    })
    running.interrupt = (reason) => {
      running.interrupt = () => undefined
      why = reason
      cancel = timers.after(CLOSE_TIMEOUT_MS, () => resolve(reason))
      transport.close().catch(() => resolve(reason))
    }
  })
}

/** Subscribes, then says hello; ends the connection when that, or the welcome, fails. */
function greet(running: Running, transport: Transport): void {
  const { config, world } = running
  const { fleet, device } = config
  const topic = formatTopic({ kind: 'up', fleet, device, name: 'hello' })
  const isCurrent = () => running.transport === transport
  const cancel = world.ports.timers.after(WELCOME_TIMEOUT_MS, () => {
    if (isCurrent() && running.state !== 'online') running.interrupt('the gateway sent no welcome')
  })
  transport.onClose(cancel)
  transport
    .subscribe([downFilter(fleet, device)])
    .then(() => transport.publish(topic, encodeHello(world.hello()), { retain: false }))
    .catch((error: unknown) => {
      if (!isCurrent()) return
      running.interrupt(error instanceof Error ? error.message : String(error))
    })
}

function takeMessage(running: Running, text: string, payload: Uint8Array): void {
  const { config, world } = running
  const topic = parseTopic(text)
  if (topic?.kind !== 'down') return
  if (topic.fleet !== config.fleet || topic.device !== config.device) return
  if (topic.name === 'welcome') takeWelcome(running, payload)
  else if (running.state === 'online') world.onMessage(topic.name, payload)
}

function takeWelcome(running: Running, payload: Uint8Array): void {
  const { world } = running
  const welcome = decodeWelcome(payload)
  if (!welcome) {
    takeTime(running, payload)
    return
  }
  if (hasMoved(running, welcome)) {
    running.interrupt('the gateway has another time than it signed before')
    return
  }
  if (running.state !== 'online') {
    running.state = 'online'
    running.reason = undefined
    running.welcomedMs = world.ports.clock.monotonicMs()
    world.ports.log('info', 'connected to the gateway', { gateway: running.config.gateway.id })
  }
  world.onWelcome(welcome)
}

/**
 * A gateway whose own clock was wrong has given this device a wrong time, and was corrected since:
 * another login brings the right one, signed. What a welcome says of time is not.
 */
function hasMoved({ world }: Running, { timeSeconds }: Welcome): boolean {
  const { clock } = world
  const differSeconds = Math.abs(timeSeconds - clock.now().seconds)
  return clock.isTakenOver() && differSeconds > CLOCK_TOLERANCE_SECONDS
}

/** The gateway says that this device's clock is wrong, and proves with its nonce that it is now. */
function takeTime(running: Running, payload: Uint8Array): void {
  const { config, world } = running
  const signed = decodeTime(payload)
  if (signed?.value.gateway !== config.gateway.id) return
  if (!equalBytes(signed.value.nonce, running.nonce)) return
  const digest = digestOf(config.domain, timeStructure, signed.value)
  if (!verifyDigest(config.gateway.key, digest, signed.signature)) return
  world.ports.log('warn', 'the clock of this device is wrong: using the time of the gateway', {
    time: signed.value.time,
  })
  world.clock.setFromGateway(signed.value.time)
  running.retimed = true
  running.interrupt('the clock of this device was wrong')
}

async function publish(
  running: Running,
  topic: string,
  payload: Uint8Array,
  retain: boolean,
): Promise<boolean> {
  if (running.state !== 'online' || !running.transport) return false
  try {
    await running.transport.publish(topic, payload, { retain })
    return true
  } catch {
    return false
  }
}

function resync(running: Running): void {
  const { config, world } = running
  const nowMs = world.ports.clock.monotonicMs()
  if (nowMs - running.resyncedMs < RESYNC_MS_MIN) return
  running.resyncedMs = nowMs
  const { fleet, device } = config
  const topic = formatTopic({ kind: 'up', fleet, device, name: 'hello' })
  void publish(running, topic, encodeHello(world.hello()), false)
}

function pause(running: Running, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = running.world.ports.timers.after(delayMs, resolve)
    running.interrupt = () => {
      cancel()
      resolve()
    }
  })
}

/** The newer of two marks: what is returned in hello. */
export function newerMark(known: Mark | undefined, mark: Mark): Mark {
  if (!known || !equalBytes(known.life, mark.life)) return mark
  return mark.position >= known.position ? mark : known
}
