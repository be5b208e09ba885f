/**
 * The packets that a client sends to a broker, as bytes (MQTT 3.1.1 section 3). Topics and filters
 * are ASCII.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { concatBytes, utf8ToBytes } from '../../protocol/bytes.ts'

/** Types of the packets that a broker sends to a client (section 2.2.1). */
export const packetTypes = { connack: 2, publish: 3, puback: 4, suback: 9, pingresp: 13 } as const

const CONNECT = 0x10
const PUBLISH = 0x30
const QOS_1 = 0x02
const RETAIN = 0x01
const PUBACK = 0x40
const SUBSCRIBE = 0x82
export const PINGREQ: Uint8Array = Uint8Array.of(0xc0, 0)
export const DISCONNECT: Uint8Array = Uint8Array.of(0xe0, 0)
/** A SUBACK code from here on says no (section 3.9.3). */
export const SUBACK_FAILURE = 128
export const PUBACK_BYTES = 4

export type ConnectFields = {
  readonly clientId: string
  readonly username: string | undefined
  readonly password: Uint8Array | undefined
  readonly keepaliveSeconds: number
  /** Retained, QoS 1. */
  readonly will: { readonly topic: string; readonly payload: Uint8Array }
}

const flags = { cleanSession: 0x02, will: 0x04 | 0x08 | 0x20, password: 0x40, username: 0x80 }
const PROTOCOL_LEVEL = 4

/** CONNECT with a clean session and a last will. */
export function connectPacket(fields: ConnectFields): Uint8Array {
  const { clientId, username, password, keepaliveSeconds, will } = fields
  const set =
    flags.cleanSession |
    flags.will |
    (username === undefined ? 0 : flags.username) |
    (password === undefined ? 0 : flags.password)
  return packet(
    CONNECT,
    text('MQTT'),
    Uint8Array.of(PROTOCOL_LEVEL, set, keepaliveSeconds >> 8, keepaliveSeconds & 0xff),
    text(clientId),
    text(will.topic),
    withLength(will.payload),
    username === undefined ? nothing : text(username),
    password === undefined ? nothing : withLength(password),
  )
}

/** SUBSCRIBE to all filters at QoS 1. */
export function subscribePacket(packetId: number, filters: readonly string[]): Uint8Array {
  const wanted = filters.flatMap((filter) => [text(filter), Uint8Array.of(1)])
  return packet(SUBSCRIBE, Uint8Array.of(packetId >> 8, packetId & 0xff), ...wanted)
}

const nothing = new Uint8Array(0)
const UINT16_MAX = 0xffff

function text(value: string): Uint8Array {
  return withLength(utf8ToBytes(value))
}

function withLength(bytes: Uint8Array): Uint8Array {
  assert(bytes.length <= UINT16_MAX, 'a field of a packet has at most 65,535 bytes')
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes)
}

function packet(first: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts)
  const header = new Uint8Array(1 + lengthBytes(body.length))
  header[0] = first
  writeLength(header, 1, body.length)
  return concatBytes(header, body)
}

/** Bytes that a remaining length takes (section 2.2.3). */
function lengthBytes(length: number): number {
  if (length < 1 << 7) return 1
  if (length < 1 << 14) return 2
  return length < 1 << 21 ? 3 : 4
}

/** Returns where what follows begins. */
function writeLength(target: Uint8Array, start: number, length: number): number {
  let at = start
  let rest = length
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80
    rest >>= 7
  }
  target[at++] = rest
  return at
}

export type OutgoingMessage = {
  readonly topic: string
  readonly payload: Uint8Array
  readonly retain: boolean
  readonly qos: 0 | 1
}

/** Bytes of a PUBLISH. */
export function publishBytes(message: OutgoingMessage): number {
  const body = bodyBytes(message)
  return 1 + lengthBytes(body) + body
}

function bodyBytes({ topic, payload, qos }: OutgoingMessage): number {
  return 2 + topic.length + 2 * qos + payload.length
}

/** Writes a PUBLISH of `publishBytes` bytes at `start`; at QoS 0 it has no packet id. */
export function writePublish(
  target: Uint8Array,
  start: number,
  message: OutgoingMessage,
  packetId: number,
): void {
  const { topic, payload, qos, retain } = message
  target[start] = PUBLISH | (qos * QOS_1) | (retain ? RETAIN : 0)
  let at = writeLength(target, start + 1, bodyBytes(message))
  target[at++] = topic.length >> 8
  target[at++] = topic.length & 0xff
  for (let place = 0; place < topic.length; place++) target[at++] = topic.charCodeAt(place)
  if (qos === 1) {
    target[at++] = packetId >> 8
    target[at++] = packetId & 0xff
  }
  target.set(payload, at)
}

/** PUBACKs for all of these, one after another. */
export function pubackPackets(packetIds: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(packetIds.length * PUBACK_BYTES)
  let at = 0
  for (const packetId of packetIds) {
    bytes[at++] = PUBACK
    bytes[at++] = 2
    bytes[at++] = packetId >> 8
    bytes[at++] = packetId & 0xff
  }
  return bytes
}
