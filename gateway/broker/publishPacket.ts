/**
 * The PUBLISH and PUBACK packets (MQTT 3.1.1 sections 3.3 and 3.4), read where they lie and written
 * where they are sent from: no object, no string and no copy for a message.
 * @module
 */

const RETAIN_FLAG = 0b0001
const QOS_SHIFT = 1
const QOS_MASK = 0b11
const DUP_FLAG = 0b1000
const PUBLISH_FIRST = 0x30
const PUBACK_FIRST = 0x40

/** Where the parts of a PUBLISH lie in its bytes; one is used for all packets of a connection. */
export type PublishParts = {
  qos: number
  retain: boolean
  dup: boolean
  topicStart: number
  topicEnd: number
  /** 0 at QoS 0. */
  packetId: number
  /** The payload reaches to the end of the packet. */
  payloadStart: number
}

export function newPublishParts(): PublishParts {
  return {
    qos: 0,
    retain: false,
    dup: false,
    topicStart: 0,
    topicEnd: 0,
    packetId: 0,
    payloadStart: 0,
  }
}

/**
 * Reads a PUBLISH whose first byte is `first` and whose variable header begins at `start`.
 * @returns false when it is malformed: cut short, QoS 2 or 3, no packet id, or DUP at QoS 0
 */
export function readPublish(
  bytes: Uint8Array,
  first: number,
  start: number,
  end: number,
  into: PublishParts,
): boolean {
  const qos = (first >> QOS_SHIFT) & QOS_MASK
  into.qos = qos
  into.retain = (first & RETAIN_FLAG) !== 0
  into.dup = (first & DUP_FLAG) !== 0
  if (qos > 1 || (qos === 0 && into.dup) || start + 2 > end) return false
  into.topicStart = start + 2
  const topicEnd = start + 2 + uint16At(bytes, start)
  into.topicEnd = topicEnd
  into.payloadStart = topicEnd + 2 * qos
  if (into.payloadStart > end) return false
  into.packetId = qos === 0 ? 0 : uint16At(bytes, topicEnd)
  return qos === 0 || into.packetId !== 0
}

/** The packet id of a PUBACK; 0 when it is malformed. */
export function readPuback(bytes: Uint8Array, first: number, start: number, end: number): number {
  return first === PUBACK_FIRST && end - start === 2 ? uint16At(bytes, start) : 0
}

function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

/** True when `bytes[start, end)` is `wanted`. */
export function isTopic(
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: Uint8Array,
): boolean {
  const length = wanted.length
  if (end - start !== length) return false
  // From the end: topics of one place differ there.
  for (let at = length - 1; at >= 0; at--) if (bytes[start + at] !== wanted[at]) return false
  return true
}

/** Levels of the topic in `bytes[start, end)`, and -1 if it is empty or has a wildcard. */
export function countLevels(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1
  let levels = 1
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    if (byte === 0x2f) levels += 1
    else if (byte === 0x23 || byte === 0x2b) return -1
  }
  return levels
}

export const PUBACK_BYTES = 4

/** Writes a PUBACK and returns where it ends. */
export function writePuback(into: Uint8Array, at: number, packetId: number): number {
  into[at] = PUBACK_FIRST
  into[at + 1] = 2
  into[at + 2] = packetId >> 8
  into[at + 3] = packetId & 0xff
  return at + PUBACK_BYTES
}

/** First byte, remaining length, length of the topic, and packet id. */
export const PUBLISH_OVERHEAD_BYTES_MAX = 1 + 4 + 2 + 2

export type OutgoingHead = {
  readonly qos: 0 | 1
  readonly retain: boolean
  /** UTF-8. */
  readonly topic: Uint8Array
  /** Ignored at QoS 0. */
  readonly packetId: number
}

/** Writes a PUBLISH, for which there must be room, and returns where it ends. */
export function writePublish(
  into: Uint8Array,
  start: number,
  { qos, retain, topic, packetId }: OutgoingHead,
  payload: Uint8Array,
): number {
  let at = start
  into[at++] = PUBLISH_FIRST | (qos << QOS_SHIFT) | (retain ? RETAIN_FLAG : 0)
  let rest = 2 + topic.length + 2 * qos + payload.length
  for (; rest >= 0x80; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80
  into[at++] = rest
  into[at++] = topic.length >> 8
  into[at++] = topic.length & 0xff
  into.set(topic, at)
  at += topic.length
  if (qos === 1) {
    into[at++] = packetId >> 8
    into[at++] = packetId & 0xff
  }
  into.set(payload, at)
  return at + payload.length
}
