/**
 * Connections to an MQTT 3.1.1 broker. Reconnecting, and what to send again, is decided by the
 * caller: nothing is queued here and nothing outlives its connection.
 * @module
 */
import { Socket } from 'node:net'
import type { IClientOptions, MqttClient } from 'mqtt'
import { connect, ErrorWithSubackPacket } from 'mqtt'
import type { ConnectOptions, Connector, PublishOptions, Transport } from '../index.ts'
import { OperatorError } from '../operatorError.ts'
import type { TlsSource } from './tlsFiles.ts'
import { unreachableReasons } from './unreachableReasons.ts'

/** From the first byte to the CONNACK. */
const CONNECT_TIMEOUT_MS = 10_000
/** A clean end waits for acknowledgements no longer than this. */
const CLOSE_TIMEOUT_MS = 2_000
/** From here on a SUBACK code says no (MQTT 3.1.1 section 3.9.3). */
const SUBACK_FAILURE = 128
/** QoS 1 messages without a PUBACK at one time; more would only hide a stuck connection. */
const UNACKNOWLEDGED_MAX = 64

type Place = { readonly host: string; readonly port: number }

/**
 * Connects to `url`: `mqtt://host:port` or, with `tls`, `mqtts://host:port`.
 * @throws OperatorError when the URL is not one of a broker
 */
export function mqttConnector(url: string, tls?: TlsSource): Connector {
  const place = parseUrl(url, tls ? 'mqtts:' : 'mqtt:')
  if (!tls) return (options) => openConnection(place, options, { protocol: 'mqtt' })
  /** Spares both sides the certificates when a connection is soon followed by another. */
  let session: Buffer | undefined
  return async (options) => {
    const files = await tls()
    const secured = { protocol: 'mqtts', minVersion: 'TLSv1.3', ...files } as const
    const line = session ? { ...secured, session } : secured
    return openConnection(place, options, line, (ticket) => {
      session = ticket
    })
  }
}

function parseUrl(url: string, protocol: 'mqtt:' | 'mqtts:'): Place {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const usual = protocol === 'mqtt:' ? 1883 : 8883
  if (parsed?.protocol === protocol && parsed.hostname !== '') {
    const host = parsed.hostname.replace(/^\[|\]$/g, '')
    return { host, port: Number(parsed.port || usual) }
  }
  throw new OperatorError(`"${url}" is no broker address: write it as ${protocol}//host:${usual}`)
}

function openConnection(
  { host, port }: Place,
  options: ConnectOptions,
  line: IClientOptions,
  onSession?: (ticket: Buffer) => void,
): Promise<Transport> {
  const { will } = options
  const client = connect({
    ...line,
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
  if (onSession) client.stream.on('session', onSession)
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
      // The server looks at the certificate when this side is already done with the handshake.
      const hint = line.cert ? '; its log tells whether it took the certificate' : ''
      reject(new Error(`${reasonOf(host, port, last)}${last ? '' : hint}`))
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

const untrusted = 'its certificate is not trusted: name its authority under tls'

const networkReasons: Readonly<Record<string, string>> = {
  ...unreachableReasons,
  EPROTO: 'it speaks no TLS there: correct the port, or use mqtt://',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: correct the host',
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock here is wrong',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock here is wrong',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it speaks no TLS there: correct the port, or use mqtt://',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak TLS 1.3',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it does not speak TLS 1.3',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a certificate: name one under tls',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust the certificate of this client',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept the certificate of this client',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the certificate of this client has expired',
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
