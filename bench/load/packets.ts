/**
 * MQTT 3.1.1 packets as bytes, as far as a load generator sends and reads them.
 * @module
 */

export const packetTypes = {
  connack: 2,
  publish: 3,
  puback: 4,
  suback: 9,
  pingresp: 13,
} as const

/** First byte of a PUBACK, and its whole length. */
export const PUBACK_BYTE = 0x40
export const PUBACK_BYTES = 4
export const PINGREQ = Buffer.from([0xc0, 0])

const CLEAN_SESSION = 2
const PASSWORD = 64
const USER_NAME = 128
const QOS_1 = 2

/** The remaining length as MQTT 3.1.1 section 2.2.3 writes it. */
export function lengthBytes(length: number): Buffer {
  const bytes: number[] = []
  let rest = length
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 128 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(bytes)
}

function packet(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([first]), lengthBytes(body.length), body])
}

function counted(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([number16(bytes.length), bytes])
}

function number16(value: number): Buffer {
  return Buffer.from([value >>> 8, value & 0xff])
}

/** A CONNECT with a clean session; without a password it has no user name either. */
export function connectPacket(
  clientId: string,
  password: Uint8Array | undefined,
  keepaliveSeconds: number,
): Buffer {
  if (password) return loginPacket(clientId, clientId, password, keepaliveSeconds)
  return packet(0x10, connectHead(CLEAN_SESSION, keepaliveSeconds), counted(clientId))
}

/** A CONNECT whose user name may be another than its client id. */
export function loginPacket(
  clientId: string,
  username: string,
  password: Uint8Array,
  keepaliveSeconds: number,
): Buffer {
  const head = connectHead(CLEAN_SESSION | PASSWORD | USER_NAME, keepaliveSeconds)
  return packet(0x10, head, counted(clientId), counted(username), counted(password))
}

function connectHead(flags: number, keepaliveSeconds: number): Buffer {
  return Buffer.concat([counted('MQTT'), Buffer.from([4, flags]), number16(keepaliveSeconds)])
}

export function subscribePacket(id: number, filter: string): Buffer {
  return packet(0x82, number16(id), counted(filter), Buffer.from([1]))
}

/** A PUBLISH of quality of service 1. */
export function publishPacket(topic: string, id: number, payload: Uint8Array): Buffer {
  return packet(0x30 | QOS_1, counted(topic), number16(id), payload)
}

/** Where the packet id of a PUBLISH from `publishPacket` starts, counted from its end. */
export function idOffset(packetBytes: number, payloadBytes: number): number {
  return packetBytes - payloadBytes - 2
}

/** One packet within `bytes`; undefined while its end has not arrived. */
export type Frame = { readonly first: number; readonly body: number; readonly end: number }

export function frameAt(bytes: Uint8Array, start: number, end: number): Frame | undefined {
  let length = 0
  for (let place = 1; place <= 4; place++) {
    if (start + place >= end) return undefined
    const byte = bytes[start + place] ?? 0
    length += (byte & 0x7f) << (7 * (place - 1))
    if (byte >= 0x80) continue
    const body = start + place + 1
    if (body + length > end) return undefined
    return { first: bytes[start] ?? 0, body, end: body + length }
  }
  throw new Error('a server sent a packet with a malformed length')
}

/** Topic, packet id (0 for quality of service 0) and payload of a PUBLISH. */
export function readPublish(bytes: Buffer, { first, body, end }: Frame) {
  const topicEnd = body + 2 + bytes.readUInt16BE(body)
  const isCounted = (first & 6) !== 0
  return {
    topic: bytes.toString('latin1', body + 2, topicEnd),
    id: isCounted ? bytes.readUInt16BE(topicEnd) : 0,
    payload: bytes.subarray(topicEnd + (isCounted ? 2 : 0), end),
  }
}
