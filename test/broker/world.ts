/**
 * A broker on a free port whose gateway does what each test says, and clients for it.
 */
import type { MqttClient } from 'mqtt'
import { connectAsync } from 'mqtt'
import { expect } from 'vitest'
import type { Broker, BrokerHandlers, Identity, Role } from '../../gateway/broker/broker.ts'
import { createBroker } from '../../gateway/broker/io/embeddedBroker.ts'
import type { BrokerLimits } from '../../gateway/broker/limits.ts'
import { nodeClock, nodeTimers } from '../../ports/io/node.ts'
import { mayAccess } from '../../protocol/access.ts'
import type { ConnectFields, RawClient } from './rawClient.ts'
import { connectPacket, packet, rawClient, types } from './rawClient.ts'

export type Received = {
  readonly session: string
  readonly topic: string
  readonly payload: string
  readonly done: () => void
}

export type World = {
  readonly broker: Broker
  readonly port: number
  /** Messages that reached the gateway, oldest first. */
  readonly received: Received[]
  /** `+ id` and `- id` as sessions come and go. */
  readonly sessions: string[]
  /** Resolves when `check` holds; it is asked after each thing that happens at the broker. */
  readonly until: (check: () => boolean) => Promise<void>
  readonly raw: () => Promise<RawClient>
  /** A raw client that has logged in. */
  readonly login: (fields: Partial<ConnectFields> & { username: string }) => Promise<RawClient>
  readonly mqtt: (username: string, clientId?: string) => Promise<MqttClient>
  readonly close: () => Promise<void>
}

/** The short way of ticks, with batches that become durable when a test says so. */
export type TestLane = Required<Pick<BrokerHandlers, 'openLane' | 'whenDurable' | 'batch'>> & {
  /** Ticks taken, oldest first. */
  readonly ticks: string[]
  /** Makes durable what was taken so far. */
  readonly commit: () => void
}

export function testLane(): TestLane {
  const ticks: string[] = []
  let waiting: (() => void)[] = []
  let number = 0
  return {
    ticks,
    openLane: (identity) => {
      if (identity.kind !== 'device') return undefined
      return {
        topic: `tickpay/1/${identity.fleet}/${identity.device}/up/tick`,
        take: (bytes, start, end) => ticks.push(Buffer.from(bytes.subarray(start, end)).toString()),
      }
    },
    whenDurable: (run) => waiting.push(run),
    batch: () => number,
    commit: () => {
      const runs = waiting
      waiting = []
      number += 1
      for (const run of runs) run()
    },
  }
}

export type WorldOptions = {
  readonly lane?: TestLane
  readonly limits?: Partial<BrokerLimits>
  readonly onMessage?: (received: Received) => void
  readonly authenticate?: BrokerHandlers['authenticate']
  readonly roles?: readonly Role[]
}

/** `solar/pi1` is a device, `solar/_` the fleet, `ann@solar` a person; the password is `good`. */
export async function authenticateForTests(
  request: Parameters<BrokerHandlers['authenticate']>[0],
): Promise<Identity | { refused: string }> {
  const password = Buffer.from(request.password ?? []).toString()
  const username = request.username ?? ''
  const [name = '', domain] = username.split('@')
  if (password === 'late' || password === 'good') {
    if (domain) return { kind: 'reader', fleet: domain, name, rights: ['read', 'supply'] }
    const [fleet = '', device = ''] = username.split('/')
    if (device === '_') return { kind: 'fleet', fleet }
    return { kind: password === 'late' ? 'stale_clock' : 'device', fleet, device }
  }
  return { refused: 'bad_credential' }
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const received: Received[] = []
  const sessions: string[] = []
  const waiting = new Set<() => void>()
  const happened = () => {
    for (const check of waiting) check()
  }
  const broker = await createBroker({
    ports: { clock: nodeClock, timers: nodeTimers, log: () => setImmediate(happened) },
    handlers: recordingHandlers(options, received, sessions, happened),
    ...(options.limits ? { limits: options.limits } : {}),
  })
  const roles = options.roles ?? ['device', 'fleet', 'reader']
  const [port = 0] = await broker.listen([{ kind: 'tcp', host: '127.0.0.1', port: 0, roles }])
  const until = (check: () => boolean) =>
    new Promise<void>((resolve) => {
      const ask = () => {
        if (!check()) return
        waiting.delete(ask)
        resolve()
      }
      waiting.add(ask)
      ask()
    })
  const { closeClients, ...clients } = clientsOf(port)
  const close = async () => {
    closeClients()
    await broker.close()
  }
  return { broker, port, received, sessions, until, ...clients, close }
}

function recordingHandlers(
  options: WorldOptions,
  received: Received[],
  sessions: string[],
  happened: () => void,
): BrokerHandlers {
  return {
    ...(options.lane ? laneHandlers(options.lane, happened) : {}),
    authenticate: options.authenticate ?? authenticateForTests,
    mayAccess,
    onMessage: (_identity, session, topic, payload, done) => {
      const one = { session, topic, payload: Buffer.from(payload).toString(), done }
      received.push(one)
      if (options.onMessage) options.onMessage(one)
      else done()
      happened()
    },
    onConnected: (_identity, id) => {
      sessions.push(`+ ${id}`)
      happened()
    },
    onDisconnected: (_identity, id) => {
      sessions.push(`- ${id}`)
      happened()
    },
  }
}

function laneHandlers(lane: TestLane, happened: () => void): Partial<BrokerHandlers> {
  const { openLane, whenDurable, batch } = lane
  return {
    openLane: (identity, sessionId) => {
      const opened = openLane(identity, sessionId)
      if (!opened) return undefined
      return {
        topic: opened.topic,
        take: (bytes, start, end) => {
          opened.take(bytes, start, end)
          happened()
        },
      }
    },
    whenDurable,
    batch,
  }
}

/** Clients of a port, and how all of them are closed. */
function clientsOf(port: number) {
  const raws: RawClient[] = []
  const clients: MqttClient[] = []
  const raw = async () => {
    const client = await rawClient(port)
    raws.push(client)
    return client
  }
  const login: World['login'] = async (fields) => {
    const client = await raw()
    client.send(connectPacket({ clientId: fields.username, password: 'good', ...fields }))
    const connack = await client.next(types.connack)
    expect(connack.body[1], 'return code').toBe(0)
    // Answered when the session is open, which is a little after the CONNACK.
    client.send(packet(0xc0))
    await client.next(types.pingresp)
    return client
  }
  const mqtt: World['mqtt'] = async (username, clientId = username) => {
    const client = await connectAsync({
      host: '127.0.0.1',
      port,
      protocol: 'mqtt',
      clientId,
      username,
      password: 'good',
      reconnectPeriod: 0,
    })
    client.on('error', () => {})
    clients.push(client)
    return client
  }
  const closeClients = () => {
    for (const { socket } of raws) socket.destroy()
    for (const client of clients) client.end(true)
  }
  return { raw, login, mqtt, closeClients }
}
