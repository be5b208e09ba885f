/**
 * What goes to the broker: gathered within an event-loop turn, written at once, and bounded. A
 * message that finds no room is not sent: whoever waits for it asks again.
 * @module
 */
import type { BridgeLimits } from './limits.ts'
import type { OutgoingMessage } from './packets.ts'
import { pubackPackets, publishBytes, writePublish } from './packets.ts'
import type { Wire } from './wire.ts'

export type Outgoing = {
  /** False when there is no room. */
  readonly publish: (message: OutgoingMessage) => boolean
  readonly acknowledge: (packetIds: readonly number[]) => void
  readonly control: (packet: Uint8Array) => void
  /** The broker has acknowledged one of our messages. */
  readonly release: (packetId: number) => void
  /** Messages the broker has not acknowledged. */
  readonly inFlight: () => number
  /** Bytes that have not left this process. */
  readonly waitingBytes: () => number
  /** Writes what was gathered, now. */
  readonly flush: () => void
}

const PACKET_IDS = 65_536
const GATHERED_BYTES = 65_536

type State = {
  readonly wire: Wire
  readonly limits: BridgeLimits
  /** 1 for each packet id that waits for its acknowledgement. */
  readonly used: Uint8Array
  readonly gathered: Uint8Array
  length: number
  inFlight: number
  lastId: number
}

/** `wake` asks for a `flush` at the end of the turn. */
export function createOutgoing(wire: Wire, limits: BridgeLimits, wake: () => void): Outgoing {
  const state: State = {
    wire,
    limits,
    used: new Uint8Array(PACKET_IDS),
    gathered: new Uint8Array(GATHERED_BYTES),
    length: 0,
    inFlight: 0,
    lastId: 0,
  }
  const gather = (bytes: number, fill: (target: Uint8Array, at: number) => void) => {
    if (state.length === 0) wake()
    if (state.length + bytes > GATHERED_BYTES) flush(state)
    if (bytes > GATHERED_BYTES) {
      const own = new Uint8Array(bytes)
      fill(own, 0)
      wire.write(own)
      return
    }
    fill(state.gathered, state.length)
    state.length += bytes
  }
  const copy = (bytes: Uint8Array) => gather(bytes.length, (target, at) => target.set(bytes, at))
  return {
    publish: (message) => {
      const bytes = publishBytes(message)
      if (message.qos === 1 && state.inFlight >= limits.outgoingMessagesMax) return false
      if (waitingBytes(state) + bytes > limits.outgoingBytesMax) return false
      const packetId = message.qos === 0 ? 0 : takeId(state)
      gather(bytes, (target, at) => writePublish(target, at, message, packetId))
      return true
    },
    acknowledge: (packetIds) => copy(pubackPackets(packetIds)),
    control: copy,
    release: (packetId) => {
      if (state.used[packetId] !== 1) return
      state.used[packetId] = 0
      state.inFlight -= 1
    },
    inFlight: () => state.inFlight,
    waitingBytes: () => waitingBytes(state),
    flush: () => flush(state),
  }
}

function waitingBytes({ wire, length }: State): number {
  return wire.waitingBytes() + length
}

function flush(state: State): void {
  if (state.length === 0) return
  // The stream may keep what it is given, and this buffer is filled again.
  state.wire.write(state.gathered.slice(0, state.length))
  state.length = 0
}

/** There is a free one: fewer are in flight than there are. */
function takeId(state: State): number {
  let id = state.lastId
  do id = id === PACKET_IDS - 1 ? 1 : id + 1
  while (state.used[id] === 1)
  state.used[id] = 1
  state.lastId = id
  state.inFlight += 1
  return id
}
