/**
 * Finds the boundaries of MQTT packets (MQTT 3.1.1 section 2.2) in front of the parser, so that a
 * packet that is too long is refused when its length has been read and not when it has been
 * buffered, and so that packets can be let through one at a time.
 * @module
 */
import { createHeldBytes } from './heldBytes.ts'

/** Control packet types that a client may send; everything else is a violation. */
export const packetTypes = {
  connect: 1,
  publish: 3,
  puback: 4,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const

/** A bit for each of them. */
const CLIENT_TYPES = Object.values(packetTypes).reduce((bits, type) => bits | (1 << type), 0)
const QOS_2_FLAG = 0b100
const REMAINING_LENGTH_BYTES_MAX = 4

export type Violation =
  | 'packet_too_long'
  | 'malformed_packet'
  | 'unknown_packet'
  | 'unexpected_packet'
  | 'qos_2'

/** A complete packet in the bytes it arrived in. One is used for all packets of a framer. */
export type Packet = {
  readonly kind: 'packet'
  bytes: Uint8Array
  type: number
  /** Its first byte: type and flags. */
  first: number
  start: number
  /** Where the variable header begins. */
  body: number
  end: number
}

export type Frame =
  | Readonly<Packet>
  /** The rest of the packet has not arrived. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'refused'; readonly why: Violation }

export type Framer = {
  readonly push: (chunk: Uint8Array) => void
  /** The first packet that was not passed, if it is complete; valid until the next call. */
  readonly peek: () => Frame
  /** Goes on behind the packet that `peek` returned. */
  readonly pass: () => void
  /** Lets go of what was passed: call it when nothing more is looked at for now. */
  readonly compact: () => void
  /** Raises or lowers the limit for the remaining length of packets not seen yet. */
  readonly setLimit: (packetBytesMax: number) => void
  /** Bytes held back. */
  readonly held: () => number
}

const EMPTY = new Uint8Array(0)
const PARTIAL: Frame = { kind: 'partial' }

export function createFramer(packetBytesMax: number): Framer {
  let limit = packetBytesMax
  const held = createHeldBytes()
  const packet: Packet = {
    kind: 'packet',
    bytes: EMPTY,
    type: 0,
    first: 0,
    start: 0,
    body: 0,
    end: 0,
  }
  return {
    push: held.push,
    peek: () => frameAt(held.bytes(), held.start(), held.end(), limit, packet),
    pass: () => held.drop(packet.end),
    compact: () => {
      // A few bytes of the next packet must not keep a large read alive.
      held.compact()
      packet.bytes = EMPTY
    },
    setLimit: (bytes) => {
      limit = bytes
    },
    held: () => held.end() - held.start(),
  }
}

/** Looks at `buffer[start, end)`. */
function frameAt(
  buffer: Uint8Array,
  start: number,
  end: number,
  limit: number,
  packet: Packet,
): Frame {
  if (start >= end) return PARTIAL
  const first = buffer[start] ?? 0
  const type = first >> 4
  if (((CLIENT_TYPES >> type) & 1) === 0) return { kind: 'refused', why: 'unknown_packet' }
  if (type === packetTypes.publish && (first & QOS_2_FLAG) !== 0) {
    return { kind: 'refused', why: 'qos_2' }
  }
  let remaining = 0
  for (let place = 0; place < REMAINING_LENGTH_BYTES_MAX; place++) {
    const at = start + 1 + place
    if (at >= end) return PARTIAL
    const byte = buffer[at] ?? 0
    remaining += (byte & 0x7f) << (7 * place)
    if (remaining > limit) return { kind: 'refused', why: 'packet_too_long' }
    if (byte >= 0x80) continue
    const body = at + 1
    if (body + remaining > end) return PARTIAL
    packet.bytes = buffer
    packet.type = type
    packet.first = first
    packet.start = start
    packet.body = body
    packet.end = body + remaining
    return packet
  }
  return { kind: 'refused', why: 'malformed_packet' }
}
