/**
 * The embedded MQTT broker: the library for sessions and subscriptions, beside it the messages, and
 * around both what decides and limits.
 * @module
 */
import type { Duplex } from 'node:stream'
import type { Client } from 'aedes'
import { Aedes } from 'aedes'
import { present } from '../../../protocol/assert.ts'
import type { Broker, BrokerHandlers, Listener, PeerCertificate, SessionInfo } from '../broker.ts'
import { countReason, newCounters } from '../broker.ts'
import { createCooling } from '../cooling.ts'
import type { Doorway } from '../doorway.ts'
import { createDoorway } from '../doorway.ts'
import type { BrokerLimits } from '../limits.ts'
import { defaultBrokerLimits } from '../limits.ts'
import { createLoginQueue } from '../loginQueue.ts'
import { createSeats } from '../seats.ts'
import type { Arrivals } from './arrival.ts'
import { createArrivals } from './arrival.ts'
import type { Connection, Shared } from './connection.ts'
import {
  after,
  closeGently,
  cut,
  endWatchDrain,
  newConnection,
  noteClosed,
  watchDrain,
  watchKeepalive,
} from './connection.ts'
import { createDelivery } from './delivery.ts'
import { Gate } from './gate.ts'
import type { HeapTidy } from './heapTidy.ts'
import { createHeapTidy } from './heapTidy.ts'
import type { HookContext } from './hooks.ts'
import { announceEnd, createHooks, dismiss } from './hooks.ts'
import { openLane } from './lane.ts'
import { emptyStore, silentBus } from './libraryParts.ts'
import type { TurnEnd } from './lineWriter.ts'
import { createTurnEnd } from './lineWriter.ts'
import type { OpenListener } from './tcpListener.ts'
import { listenWs, openPlace } from './wsListener.ts'

/** Return code of a SUBACK (MQTT 3.1.1 section 3.9.3). */
const SUBSCRIPTION_REFUSED = 128

export type BrokerOptions = {
  readonly ports: Shared['ports']
  readonly handlers: BrokerHandlers
  readonly limits?: Partial<BrokerLimits>
}

type State = HookContext & {
  readonly aedes: Aedes
  readonly arrivals: Arrivals
  readonly turnEnd: TurnEnd
  readonly connections: Set<Connection>
  readonly byClient: WeakMap<Client, Connection>
  listeners: OpenListener[]
  /** Connections without a session yet. */
  readonly doorway: Doorway<Connection>
  readonly heapTidy: HeapTidy
  numbers: number
  closing: boolean
}

/** Starts a broker without listeners. */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const state = await start(options)
  return {
    listen: (listeners) => listen(state, listeners),
    publish: state.delivery.publish,
    offer: state.delivery.offer,
    disconnect: (sessionId, reason) => dismiss(state, sessionId, reason),
    sessions: () => [...state.seats.all()].filter(({ announced }) => announced).map(describe),
    counters: () => ({ ...state.shared.counters, ...state.delivery.sizes() }),
    close: () => close(state),
  }
}

async function start(options: BrokerOptions): Promise<State> {
  const limits = { ...defaultBrokerLimits, ...options.limits }
  const { ports, handlers } = options
  const waiting = { bytes: 0, bytesMax: limits.waitingBytesMax }
  const shared: Shared = { ports, limits, counters: newCounters(), waiting }
  const seats = createSeats<Connection>()
  const delivery = createDelivery(shared, handlers.mayAccess, seats)
  const byClient = new WeakMap<Client, Connection>()
  const context: HookContext = {
    shared,
    handlers,
    delivery,
    seats,
    connectionOf: (client) => present(byClient.get(client), 'every client has a connection'),
    isClosing: () => state.closing,
    logins: createLoginQueue(ports.timers, limits),
    cooling: createCooling(),
  }
  const aedes = await Aedes.createBroker({
    ...createHooks(context),
    mq: silentBus(),
    persistence: emptyStore(),
    // Ours ends with the session, theirs with the CONNECT: it must not come first.
    connectTimeout: 2 * limits.connectDeadlineMs,
    maxTopicLevels: limits.topicLevelsMax,
  })
  const state: State = {
    ...context,
    aedes,
    arrivals: createArrivals(handlers, delivery, (connection) => state.doorway.spoke(connection)),
    turnEnd: createTurnEnd(),
    connections: new Set(),
    byClient,
    listeners: [],
    doorway: createDoorway(limits),
    heapTidy: createHeapTidy(ports.timers, limits),
    numbers: 0,
    closing: false,
  }
  watchLibrary(state)
  return state
}

function watchLibrary(state: State): void {
  const { aedes, byClient, delivery } = state
  aedes.on('clientReady', (client) => {
    const connection = byClient.get(client)
    if (connection) open(state, connection)
  })
  aedes.on('subscribe', (subscriptions, client) => {
    const connection = byClient.get(client)
    if (!connection) return
    const granted = subscriptions.filter(({ qos }) => Number(qos) !== SUBSCRIPTION_REFUSED)
    const filters = granted.map(({ topic }) => topic)
    if (filters.length > 0) delivery.replay(connection, filters)
    noteFiltersChanged(connection)
  })
  aedes.on('unsubscribe', (filters, client) => {
    const connection = byClient.get(client)
    if (!connection) return
    for (const filter of filters) delivery.unsubscribe(connection, filter)
    noteFiltersChanged(connection)
  })
  for (const event of ['clientError', 'connectionError'] as const) {
    aedes.on(event, (client) => {
      const connection = byClient.get(client)
      if (connection) noteClosed(connection, 'protocol_error')
    })
  }
}

/** Also told when a client leaves and its filters with it. */
function noteFiltersChanged(connection: Connection): void {
  connection.filtersChanging = Math.max(0, connection.filtersChanging - 1)
  connection.gate?.admitHeld()
}

async function listen(state: State, listeners: readonly Listener[]): Promise<readonly number[]> {
  const opened: OpenListener[] = []
  try {
    for (const listener of listeners) {
      opened.push(await openListener(state, listener))
    }
  } catch (error) {
    for (const { close } of opened) await close()
    throw error
  }
  state.listeners.push(...opened)
  return opened.map(({ port }) => port)
}

function openListener(state: State, listener: Listener): Promise<OpenListener> {
  const take = (
    line: Duplex,
    remote: string,
    certificate: PeerCertificate | undefined,
    origin?: string,
  ) => accept(state, line, { remote, roles: listener.roles, certificate, origin })
  const context = { ...state.shared, doorway: state.doorway, onConnection: take }
  if (listener.kind === 'ws' || listener.kind === 'wss') return listenWs(listener, context)
  return openPlace(listener, context)
}

const tooMany = { kind: 'refused', why: 'too_many' } as const

/** What is known of a client before its first byte. */
type Caller = Pick<Connection, 'remote' | 'roles' | 'certificate' | 'origin'>

/** Takes a new line of any kind: the gate and the deadline are the same for all of them. */
function accept(state: State, line: Duplex, caller: Caller): void {
  const { remote, roles, certificate, origin } = caller
  const { shared, aedes, arrivals, connections, byClient } = state
  const { limits, counters } = shared
  const number = ++state.numbers
  const connection = newConnection(shared, number, remote, roles, certificate, origin)
  const hasRoom = connections.size < limits.connectionsMax && !state.closing
  const entry = hasRoom
    ? state.doorway.enter(connection.address, connection, connection.nowMs)
    : tooMany
  if (entry.kind === 'refused') {
    countReason(counters.refused, entry.why)
    line.on('error', () => {})
    line.destroy()
    return
  }
  if (entry.instead) cut(entry.instead, 'gave_way')
  const gate = new Gate(line, {
    packetBytesMax: limits.packetBytesMax,
    turnEnd: state.turnEnd,
    onArrival: () => {
      connection.nowMs = shared.ports.clock.monotonicMs()
    },
    admit: (packet) => arrivals.admit(connection, packet),
    onViolation: (why) => noteClosed(connection, why),
    onBlocked: () => watchDrain(connection),
    onDrain: () => {
      endWatchDrain(connection)
      state.delivery.pump(connection)
    },
  })
  connection.gate = gate
  connections.add(connection)
  counters.connections = connections.size
  state.heapTidy.note(connections.size)
  gate.on('close', () => ended(state, connection))
  const client = aedes.handle(gate)
  connection.client = client
  byClient.set(client, connection)
  after(connection, limits.connectDeadlineMs, () => {
    if (state.doorway.has(connection)) cut(connection, 'connect_deadline')
  })
}

/** The CONNACK is on its way: the session begins. */
function open(state: State, connection: Connection): void {
  const { identity, seat, gate } = connection
  if (connection.phase !== 'connecting' || !identity || !seat || gate?.destroyed !== false) return
  connection.phase = 'open'
  connection.announced = true
  state.doorway.leave(connection)
  state.shared.counters.connectsAccepted += 1
  watchKeepalive(connection)
  state.handlers.onConnected(identity, seat.id)
  const { pubacks } = connection
  const flush = () => gate.writer.flushNow()
  connection.lane = openLane(state.handlers, identity, seat.id, pubacks, flush)
  gate.admitHeld()
}

function ended(state: State, connection: Connection): void {
  noteFailure(state, connection)
  state.doorway.leave(connection)
  connection.phase = 'closed'
  for (const cancel of connection.timers) cancel()
  connection.timers.clear()
  connection.pubacks.clear()
  connection.outbox.clear()
  state.connections.delete(connection)
  state.shared.counters.connections = state.connections.size
  state.heapTidy.note(state.connections.size)
  if (connection.seat) state.seats.leave(connection.seat, connection)
  state.shared.ports.log('debug', 'connection ended', { remote: connection.remote })
  announceEnd(state, connection)
}

/** Only what is the peer's own fault: who waited for the gateway, or gave way, has not failed. */
function noteFailure({ doorway, closing }: State, connection: Connection): void {
  const { address, failureCost, shared } = connection
  if (closing || failureCost === 0 || !doorway.has(connection)) return
  doorway.failed(address, shared.ports.clock.monotonicMs(), failureCost)
}

function describe(connection: Connection): SessionInfo {
  const { seat, identity, remote, pubacks, outbox } = connection
  return {
    id: present(seat, 'an open session has a seat').id,
    identity: present(identity, 'an open session has an identity'),
    remote,
    inFlight: pubacks.waiting(),
    queued: outbox.length(),
  }
}

async function close(state: State): Promise<void> {
  if (state.closing) return
  state.closing = true
  state.heapTidy.stop()
  const listeners = state.listeners.map(({ close }) => close())
  const gone = [...state.connections].map(
    (connection) => new Promise<void>((resolve) => connection.gate?.once('close', resolve)),
  )
  for (const connection of state.connections) {
    if (state.doorway.has(connection)) cut(connection, 'shutdown')
    else closeGently(connection, 'shutdown')
  }
  await Promise.all(gone)
  await Promise.all(listeners)
  await new Promise<void>((resolve) => state.aedes.close(resolve))
}
