/**
 * Connections to an MQTT 3.1.1 broker. Reconnecting, and what to send again, is decided by the
 * caller: nothing is queued here and nothing outlives its connection.
 * @module
 */
import { Socket } from 'node:net'
import type { MqttClient } from 'mqtt'
import { connect, ErrorWithSubackPacket } from 'mqtt'
import type { ConnectOptions, Connector, PublishOptions, Transport } from '../index.ts'
import { OperatorError } from '../operatorError.ts'

/** From the first byte to the CONNACK. */
const CONNECT_TIMEOUT_MS = 10_000
/** A clean end waits for acknowledgements no longer than this. */
const CLOSE_TIMEOUT_MS = 2_000
/** From here on a SUBACK code says no (MQTT 3.1.1 section 3.9.3). */
const SUBACK_FAILURE = 128
/** QoS 1 messages without a PUBACK at one time; more would only hide a stuck connection. */
const UNACKNOWLEDGED_MAX = 64

/**
 * Connects to `url`, `mqtt://host:port`.
 * @throws OperatorError when the URL is not one of a broker
 */
export function mqttConnector(url: string): Connector {
  const { host, port } = parseUrl(url)
  return (options) => openConnection(host, port, options)
}

function parseUrl(url: string): { host: string; port: number } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'mqtt:' && parsed.hostname !== '') {
    const host = parsed.hostname.replace(/^\[|\]$/g, '')
    return { host, port: Number(parsed.port || 1883) }
  }
  throw new OperatorError(`"${url}" is no broker address: write it as mqtt://host:1883`)
}

function openConnection(host: string, port: number, options: ConnectOptions): Promise<Transport> {
  const { will } = options
  const client = connect({
    protocol: 'mqtt',
    protocolVersion: 4,
    host,
    port,
    clientId: options.clientId,
    username: options.username,
    password: Buffer.from(options.password),
    keepalive: options.keepaliveSeconds,
    clean: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    ...(will ? { will: { ...will, payload: Buffer.from(will.payload), qos: 1 } } : {}),
  })
  return new Promise((resolve, reject) => {
    let last: Error | undefined
    client.on('error', (error) => {
      last = error
    })
    client.once('connect', () => {
      // A tick that waits for the acknowledgement of the one before it would wait 40 ms too long.
      if (client.stream instanceof Socket) client.stream.setNoDelay(true)
      resolve(transportOver(client))
    })
    client.once('close', () => {
      client.end(true)
      reject(new Error(reasonOf(host, port, last)))
    })
  })
}

type Answered = (send: (done: (error?: Error | null) => void) => void) => Promise<void>

function transportOver(client: MqttClient): Transport {
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()))
  const answered = answeredBy(client)
  let unacknowledged = 0

  const publish = async (topic: string, payload: Uint8Array, { retain }: PublishOptions) => {
    if (unacknowledged >= UNACKNOWLEDGED_MAX) {
      throw new Error('the broker acknowledges nothing: too many messages on their way')
    }
    unacknowledged += 1
    try {
      await answered((done) =>
        client.publish(topic, Buffer.from(payload), { qos: 1, retain }, (error) => done(error)),
      )
    } finally {
      unacknowledged -= 1
    }
  }

  const subscribe = async (topics: readonly string[]) => {
    await answered((done) =>
      client.subscribe([...topics], { qos: 1 }, (error) =>
        done(error && new Error(subscriptionError(topics, error))),
      ),
    )
  }

  return {
    publish,
    subscribe,
    onMessage: (listener) => {
      client.on('message', (topic, payload) => listener(topic, new Uint8Array(payload)))
    },
    onClose: (listener) => {
      closed.then(listener)
    },
    close: async () => {
      client.end(false)
      const impatient = setTimeout(() => client.end(true), CLOSE_TIMEOUT_MS)
      await closed
      clearTimeout(impatient)
    },
  }
}

/** Settles with the broker's answer, or rejects when the connection ends first. */
function answeredBy(client: MqttClient): Answered {
  const waiting = new Set<(error: Error) => void>()
  client.once('close', () => {
    for (const reject of waiting) reject(new Error(connectionEnded))
    waiting.clear()
  })
  return (send) =>
    new Promise((resolve, reject) => {
      if (!client.connected) {
        reject(new Error(connectionEnded))
        return
      }
      waiting.add(reject)
      send((error) => {
        waiting.delete(reject)
        if (error) reject(client.connected ? error : new Error(connectionEnded))
        else resolve()
      })
    })
}

const connectionEnded = 'the connection to the broker has ended'

function subscriptionError(topics: readonly string[], error: Error): string {
  // Whatever its type says, there is no packet when the connection ended first.
  const answer: Partial<ErrorWithSubackPacket> = error instanceof ErrorWithSubackPacket ? error : {}
  const codes = answer.packet?.granted ?? []
  const refused = topics.filter((_, index) => Number(codes[index] ?? 0) >= SUBACK_FAILURE)
  if (refused.length === 0) return error.message
  return `the broker refused the subscription to ${refused.join(', ')}`
}

/** What each CONNACK code of MQTT 3.1.1 section 3.2.2.3 means to whoever runs this. */
const refusals: Readonly<Record<number, string>> = {
  1: 'it does not speak MQTT 3.1.1',
  2: 'it does not take this client id',
  3: 'it is not available now',
  4: 'user name or password are wrong',
  5: 'it does not let this client in',
}

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no network',
  ECONNRESET: 'it closed the connection',
}

function reasonOf(host: string, port: number, error: Error | undefined): string {
  const code = error && 'code' in error ? error.code : undefined
  const known = typeof code === 'number' ? refusals[code] : networkReasons[codeWithin(error, code)]
  const why = known ?? error?.message ?? 'it closed the connection'
  return `cannot connect to the broker at ${host}:${port}: ${why}`
}

/** Connecting to a name with several addresses fails with one error for each. */
function codeWithin(error: Error | undefined, code: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : undefined
  return String(first?.code ?? code ?? '')
}
