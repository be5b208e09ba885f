/**
 * Finds the boundaries of MQTT packets (MQTT 3.1.1 section 2.2) in front of the parser, so that a
 * packet that is too long is refused when its length has been read and not when it has been
 * buffered, and so that packets can be let through one at a time.
 * @module
 */
import { concatBytes } from '../../protocol/bytes.ts'

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

const clientTypes: ReadonlySet<number> = new Set(Object.values(packetTypes))
const QOS_2_FLAG = 0b100
const REMAINING_LENGTH_BYTES_MAX = 4

export type Violation = 'packet_too_long' | 'malformed_packet' | 'unknown_packet' | 'qos_2'

export type Frame =
  | { readonly kind: 'packet'; readonly type: number; readonly length: number }
  /** The rest of the packet has not arrived. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'refused'; readonly why: Violation }

export type Framer = {
  readonly push: (chunk: Uint8Array) => void
  /** The packet after the ones already passed, if it is complete. */
  readonly peek: () => Frame
  /** Lets the packet that `peek` returned through. */
  readonly pass: (length: number) => void
  /** The bytes of all packets passed since the last call; undefined when there are none. */
  readonly take: () => Uint8Array | undefined
  /** Raises or lowers the limit for the remaining length of packets not seen yet. */
  readonly setLimit: (packetBytesMax: number) => void
  /** Bytes held back. */
  readonly held: () => number
}

export function createFramer(packetBytesMax: number): Framer {
  let limit = packetBytesMax
  let buffer: Uint8Array = new Uint8Array(0)
  let passed = 0
  return {
    push: (chunk) => {
      buffer = buffer.length === 0 ? chunk : concatBytes(buffer, chunk)
    },
    peek: () => frameAt(buffer, passed, limit),
    pass: (length) => {
      passed += length
    },
    take: () => {
      if (passed === 0) return undefined
      const bytes = buffer.subarray(0, passed)
      const rest = buffer.subarray(passed)
      // A few bytes of the next packet must not keep a large read alive.
      buffer = rest.length <= limit ? new Uint8Array(rest) : rest
      passed = 0
      return bytes
    },
    setLimit: (bytes) => {
      limit = bytes
    },
    held: () => buffer.length - passed,
  }
}

function frameAt(buffer: Uint8Array, start: number, limit: number): Frame {
  const first = buffer[start]
  if (first === undefined) return { kind: 'partial' }
  const type = first >> 4
  if (!clientTypes.has(type)) return { kind: 'refused', why: 'unknown_packet' }
  if (type === packetTypes.publish && (first & QOS_2_FLAG) !== 0) {
    return { kind: 'refused', why: 'qos_2' }
  }
  let remaining = 0
  for (let place = 0; place < REMAINING_LENGTH_BYTES_MAX; place++) {
    const byte = buffer[start + 1 + place]
    if (byte === undefined) return { kind: 'partial' }
    remaining += (byte & 0x7f) << (7 * place)
    if (remaining > limit) return { kind: 'refused', why: 'packet_too_long' }
    if (byte < 0x80) {
      const length = 2 + place + remaining
      return start + length <= buffer.length
        ? { kind: 'packet', type, length }
        : { kind: 'partial' }
    }
  }
  return { kind: 'refused', why: 'malformed_packet' }
}
