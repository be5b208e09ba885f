/**
 * The MQTT library's hooks: who may come in, who gives way, and who may subscribe to what. It sees
 * no messages but last wills.
 * @module
 */
import type { AedesOptions, Client, ConnectPacket, PublishPacket } from 'aedes'
import { clientIdOf } from '../../../protocol/connect.ts'
import type { Will } from '../admission.ts'
import { refuseHello, refuseIdentity, relayedTopic, seatOf } from '../admission.ts'
import type { BrokerHandlers, Identity } from '../broker.ts'
import { connackCode, countReason, roleOf } from '../broker.ts'
import type { Cooling } from '../cooling.ts'
import { TOO_MANY_STRIKES } from '../cooling.ts'
import { FAILURE_COST, PASSWORD_FAILURE_COST } from '../doorway.ts'
import type { LoginQueue } from '../loginQueue.ts'
import type { Seats } from '../seats.ts'
import type { Connection, Shared } from './connection.ts'
import { after, closeGently, cut, noteClosed } from './connection.ts'
import type { Delivery } from './delivery.ts'

export type HookContext = {
  readonly shared: Shared
  readonly handlers: BrokerHandlers
  readonly delivery: Delivery
  readonly seats: Seats<Connection>
  readonly connectionOf: (client: Client) => Connection
  readonly isClosing: () => boolean
  readonly logins: LoginQueue
  readonly cooling: Cooling
}

type Hooks = Required<
  Pick<
    AedesOptions,
    'preConnect' | 'authenticate' | 'authorizePublish' | 'authorizeSubscribe' | 'authorizeForward'
  >
>

export function createHooks(context: HookContext): Hooks {
  const { connectionOf, delivery } = context
  return {
    preConnect: (client, packet, done) => {
      readHello(connectionOf(client), packet)
      done(null, true)
    },
    authenticate: (client, username, password, done) => {
      const connection = connectionOf(client)
      const enter = () =>
        context.logins.add(connection.address, () => {
          if (connection.gate?.destroyed !== false) return
          void judge(context, connection, username, password, done)
        })
      const waitMs = context.cooling.takeTurnMs(username ?? '', nowOf(context))
      if (waitMs > 0) after(connection, waitMs, enter)
      else enter()
    },
    authorizePublish: (client, packet, done) => {
      const connection = client && connectionOf(client)
      const isWill = packet === connection?.hello?.will
      if (connection && isWill) takeWill(context, connection, packet)
      done(new Error('messages do not pass here'))
    },
    authorizeSubscribe: (client, subscription, done) => {
      const connection = connectionOf(client)
      const { topic, qos } = subscription
      const granted = maySubscribe(context, connection, topic)
      if (granted) delivery.subscribe(connection, topic, qos === 0 ? 0 : 1)
      done(null, granted ? subscription : null)
    },
    authorizeForward: () => null,
  }
}

function nowOf({ shared }: HookContext): number {
  return shared.ports.clock.monotonicMs()
}

/** The gateway closes a session; after too many strikes its device waits for its turn. */
export function dismiss(context: HookContext, sessionId: string, reason: string): void {
  const connection = context.seats.get(sessionId)
  if (!connection) return
  const { identity } = connection
  if (identity?.kind === 'device' && reason.startsWith(TOO_MANY_STRIKES)) {
    context.cooling.add(clientIdOf(identity.fleet, identity.device), nowOf(context))
  }
  closeGently(connection, reason)
}

type LoginDone = Parameters<Hooks['authenticate']>[3]

async function judge(
  context: HookContext,
  connection: Connection,
  username: string | undefined,
  password: Uint8Array | undefined,
  done: LoginDone,
): Promise<void> {
  const refusal = await login(context, connection, username, password)
  if (connection.phase === 'closed') return
  if (refusal === undefined) return done(null, true)
  noteRefused(connection, refusal, username)
  const error = Object.assign(new Error(refusal), { returnCode: connackCode(refusal) })
  done(error, false)
  const { closeGraceMs } = connection.shared.limits
  after(connection, closeGraceMs, () => connection.gate?.destroy())
}

function readHello(connection: Connection, packet: ConnectPacket): void {
  const { limits } = connection.shared
  const keepalive = packet.keepalive ?? 0
  connection.hello = {
    clientId: packet.clientId,
    keepaliveSeconds: keepalive,
    will: packet.will as Will | undefined,
    refusal: refuseHello(limits, packet.protocolVersion, keepalive),
  }
  // Nothing is kept for a client that is away: it resumes from the gateway's own proof.
  packet.clean = true
  // The library does not see most packets, so it cannot tell who is silent.
  packet.keepalive = 0
}

/** Undefined when the client is in, otherwise why not. */
async function login(
  context: HookContext,
  connection: Connection,
  username: string | undefined,
  password: Uint8Array | undefined,
): Promise<string | undefined> {
  const { hello, remote, certificate, origin } = connection
  if (!hello || hello.refusal !== undefined) return hello?.refusal ?? 'malformed'
  const { clientId } = hello
  const request = { clientId, username, password, remote, certificate, origin }
  const verdict = await authenticate(context, request)
  if ('refused' in verdict) return verdict.refused
  if (connection.phase !== 'connecting' || context.isClosing()) return 'unavailable'
  if (!connection.roles.includes(roleOf(verdict))) return 'wrong_listener'
  const refusal = refuseIdentity(context.shared.limits, verdict, clientId, hello.will)
  if (refusal === undefined) takeSeat(context, connection, verdict, clientId)
  return refusal
}

async function authenticate(
  context: HookContext,
  request: Parameters<BrokerHandlers['authenticate']>[0],
): Promise<Identity | { readonly refused: string }> {
  try {
    return await context.handlers.authenticate(request)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    context.shared.ports.log('error', 'could not check a login', { reason })
    return { refused: 'unavailable' }
  }
}

function takeSeat(
  context: HookContext,
  connection: Connection,
  identity: Identity,
  clientId: string,
): void {
  const { limits, counters } = context.shared
  const seat = seatOf(limits, identity, clientId, connection.number)
  connection.identity = identity
  connection.seat = seat
  // The library would let a client close another one of its name; seats decide that here.
  if (connection.client) connection.client.id = `${connection.number}`
  if (identity.kind === 'fleet') connection.gate?.setLimit(limits.fleetPacketBytesMax)
  if (identity.kind === 'stale_clock') {
    after(connection, limits.staleSessionMs, () => closeGently(connection, 'stale_clock'))
  }
  for (const old of context.seats.take(seat, connection)) {
    counters.takeovers += 1
    old.superseded = true
    announceEnd(context, old)
    cut(old, 'taken_over')
  }
}

/** Tells the gateway once that a session it knows of is over. */
export function announceEnd(context: HookContext, connection: Connection): void {
  const { announced, identity, seat } = connection
  connection.announced = false
  context.delivery.unsubscribeAll(connection)
  if (announced && identity && seat) context.handlers.onDisconnected(identity, seat.id)
}

function noteRefused(connection: Connection, reason: string, username = ''): void {
  const { counters } = connection.shared
  const cost = username.includes('@') ? PASSWORD_FAILURE_COST : FAILURE_COST
  connection.failureCost = reason === 'unavailable' ? 0 : cost
  countReason(counters.refused, reason)
  noteClosed(connection, 'refused')
}

function maySubscribe(context: HookContext, connection: Connection, filter: string): boolean {
  const { identity, filters } = connection
  if (!identity || connection.superseded || filter.startsWith('$')) return false
  if (!filters.has(filter) && filters.size >= context.shared.limits.filtersPerSessionMax) {
    return false
  }
  return context.handlers.mayAccess(identity, 'subscribe', filter)
}

/** A last will was checked at CONNECT. */
function takeWill(context: HookContext, connection: Connection, packet: PublishPacket): void {
  const { identity, superseded } = connection
  const { topic } = packet
  const wanted = identity !== undefined && topic === relayedTopic(identity)
  if (wanted && !superseded && !context.isClosing()) {
    context.delivery.publish(topic, bytesOf(packet), { retain: packet.retain, replaces: topic })
  }
}

function bytesOf(packet: PublishPacket): Uint8Array {
  return typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
}
