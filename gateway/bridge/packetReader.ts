/**
 * Reads the packets that a broker sends out of whatever pieces its bytes arrive in. Nothing is
 * copied and next to nothing allocated for a message; one that is too long is skipped without
 * being held.
 * @module
 */
import type { HeldBytes } from '../broker/heldBytes.ts'
import { createHeldBytes } from '../broker/heldBytes.ts'
import { packetTypes } from './packets.ts'

/** A message where it was read; one object serves for all, so nothing of it may be kept. */
export type IncomingMessage = {
  bytes: Uint8Array
  topicStart: number
  topicEnd: number
  payloadStart: number
  payloadEnd: number
  /** 0 at QoS 0. */
  packetId: number
  /** It was kept by the broker, and is not new. */
  retained: boolean
}

export type PacketSink = {
  readonly onMessage: (message: IncomingMessage) => void
  /** A message longer than the limit; its packet id is 0 at QoS 0. */
  readonly onTooLong: (packetId: number) => void
  /** Any other packet, without its header; valid until this returns. */
  readonly onAnswer: (type: number, body: Uint8Array) => void
}

export type PacketReader = {
  /** Reads on; undefined when all is well, otherwise what is wrong with the broker. */
  readonly push: (bytes: Uint8Array) => string | undefined
}

const RETAIN = 0x01
const QOS_1 = 0x02
const QOS_2 = 0x04
const LENGTH_BYTES_MAX = 4

type State = {
  readonly sink: PacketSink
  readonly packetBytesMax: number
  readonly message: IncomingMessage
  /** The beginning of a packet whose rest has not arrived. */
  readonly carry: HeldBytes
  /** Bytes still to come of a packet that is too long. */
  skip: number
}

const nothing = new Uint8Array(0)

export function createPacketReader(packetBytesMax: number, sink: PacketSink): PacketReader {
  const message: IncomingMessage = {
    bytes: nothing,
    topicStart: 0,
    topicEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
    packetId: 0,
    retained: false,
  }
  const state: State = { sink, packetBytesMax, message, carry: createHeldBytes(), skip: 0 }
  return {
    push: (bytes) => push(state, bytes),
  }
}

function push(state: State, chunk: Uint8Array): string | undefined {
  const { carry } = state
  const isAlone = carry.end() === 0
  if (!isAlone) carry.push(chunk)
  const bytes = isAlone ? chunk : carry.bytes().subarray(0, carry.end())
  let at = Math.min(state.skip, bytes.length)
  state.skip -= at
  while (at < bytes.length) {
    const next = readPacket(state, bytes, at)
    if (typeof next === 'string') return next
    if (next < 0) break
    at = next
  }
  keep(carry, isAlone, bytes, at)
  return undefined
}

/** Keeps what lies behind `at` until its rest arrives. */
function keep(carry: HeldBytes, isAlone: boolean, bytes: Uint8Array, at: number): void {
  if (!isAlone && at === 0) return
  carry.drop(carry.end())
  carry.compact()
  // A copy, which slice would not make of a Buffer: the chunk belongs to the socket.
  if (at < bytes.length) carry.push(copyOf(bytes.subarray(at)))
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return copy
}

const PARTIAL = -1

/** Returns where the next packet begins, `PARTIAL`, or what is wrong. */
function readPacket(state: State, bytes: Uint8Array, start: number): number | string {
  let length = 0
  let at = start + 1
  for (let place = 0; ; place++) {
    if (place === LENGTH_BYTES_MAX) return 'it sent a malformed packet'
    const byte = bytes[at++]
    if (byte === undefined) return PARTIAL
    length |= (byte & 0x7f) << (7 * place)
    if (byte < 0x80) break
  }
  const first = bytes[start] ?? 0
  const type = first >> 4
  const end = at + length
  if (type === packetTypes.publish) return readPublish(state, bytes, { first, at, end })
  if (length > state.packetBytesMax) return 'it sent a packet that is too long'
  if (end > bytes.length) return PARTIAL
  state.sink.onAnswer(type, bytes.subarray(at, end))
  return end
}

/** Where a packet's body is, and the first byte of its header. */
type Frame = { readonly first: number; readonly at: number; readonly end: number }

function readPublish(state: State, bytes: Uint8Array, frame: Frame): number | string {
  const { first, at, end } = frame
  if ((first & QOS_2) !== 0) return 'it sent a message at QoS 2, which nobody asked for'
  const isTooLong = end - at > state.packetBytesMax
  if (!isTooLong && end > bytes.length) return PARTIAL
  if (bytes.length < at + 2 && end >= at + 2) return PARTIAL
  const topicStart = at + 2
  const topicEnd = topicStart + uint16(bytes, at)
  const idBytes = (first & QOS_1) === 0 ? 0 : 2
  const payloadStart = topicEnd + idBytes
  if (payloadStart > end) return 'it sent a malformed message'
  if (isTooLong && bytes.length < payloadStart) return PARTIAL
  const packetId = idBytes === 0 ? 0 : uint16(bytes, topicEnd)
  if (idBytes !== 0 && packetId === 0) return 'it sent a malformed message'
  if (isTooLong) {
    state.sink.onTooLong(packetId)
    state.skip = Math.max(0, end - bytes.length)
    return Math.min(end, bytes.length)
  }
  const { message } = state
  message.bytes = bytes
  message.topicStart = topicStart
  message.topicEnd = topicEnd
  message.payloadStart = payloadStart
  message.payloadEnd = end
  message.packetId = packetId
  message.retained = (first & RETAIN) !== 0
  state.sink.onMessage(message)
  return end
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
