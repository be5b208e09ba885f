/**
 * The broker's end of a wire: what the bridge writes, packet by packet, and whatever bytes a test
 * answers with.
 */
import type { Wire, WireEvents, WireOpener } from '../../../../../gateway/bridge/wire.ts'
import { concatBytes, utf8ToBytes } from '../../../../../protocol/bytes.ts'

export type Packet = { readonly type: number; readonly flags: number; readonly body: Uint8Array }

export type ModelWire = {
  readonly events: WireEvents
  /** Packets written so far. */
  readonly packets: () => readonly Packet[]
  readonly ofType: (type: number) => readonly Packet[]
  readonly send: (...packets: readonly Uint8Array[]) => void
  /** Bytes that the bridge believes are still waiting. */
  waitingBytes: number
  paused: boolean
  ended: boolean
  destroyed: boolean
}

export type ModelBroker = {
  readonly open: WireOpener
  readonly wires: ModelWire[]
  readonly last: () => ModelWire
  /** Undefined: opens. Otherwise why it cannot be reached. */
  away: string | undefined
}

export function modelBroker(): ModelBroker {
  const wires: ModelWire[] = []
  const broker: ModelBroker = {
    wires,
    away: undefined,
    last: () => {
      const wire = wires.at(-1)
      if (!wire) throw new Error('nothing was opened')
      return wire
    },
    open: async (events) => {
      if (broker.away !== undefined) throw new Error(broker.away)
      const { model, wire } = modelWire(events)
      wires.push(model)
      return wire
    },
  }
  return broker
}

function modelWire(events: WireEvents): { model: ModelWire; wire: Wire } {
  let written: Uint8Array = new Uint8Array(0)
  const model: ModelWire = {
    events,
    packets: () => packetsIn(written),
    ofType: (type) => packetsIn(written).filter((packet) => packet.type === type),
    send: (...packets) => events.onData(concatBytes(...packets)),
    waitingBytes: 0,
    paused: false,
    ended: false,
    destroyed: false,
  }
  const wire: Wire = {
    write: (bytes) => {
      written = concatBytes(written, bytes)
    },
    waitingBytes: () => model.waitingBytes,
    pause: () => {
      model.paused = true
    },
    resume: () => {
      model.paused = false
    },
    end: () => {
      model.ended = true
    },
    destroy: () => {
      model.destroyed = true
    },
  }
  return { model, wire }
}

function packetsIn(bytes: Uint8Array): readonly Packet[] {
  const packets: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++] ?? 0
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    packets.push({ type: first >> 4, flags: first & 15, body: bytes.subarray(at, at + length) })
    at += length
  }
  return packets
}

export const types = { connect: 1, publish: 3, puback: 4, subscribe: 8, ping: 12, disconnect: 14 }

export function connack(code = 0): Uint8Array {
  return Uint8Array.of(0x20, 2, 0, code)
}

export function suback(...codes: readonly number[]): Uint8Array {
  return Uint8Array.of(0x90, 2 + codes.length, 0, 1, ...codes)
}

export const pingresp = Uint8Array.of(0xd0, 0)

export function puback(packetId: number): Uint8Array {
  return Uint8Array.of(0x40, 2, packetId >> 8, packetId & 0xff)
}

export type MessageFields = { readonly packetId?: number; readonly retain?: boolean }

/** A message as a broker delivers it: QoS 1 with a packet id, otherwise QoS 0. */
export function message(
  topic: string,
  payload: Uint8Array | string,
  { packetId, retain = false }: MessageFields = {},
): Uint8Array {
  const name = utf8ToBytes(topic)
  const id = packetId === undefined ? [] : [packetId >> 8, packetId & 0xff]
  const body = concatBytes(
    Uint8Array.of(name.length >> 8, name.length & 0xff),
    name,
    Uint8Array.from(id),
    typeof payload === 'string' ? utf8ToBytes(payload) : payload,
  )
  const first = 0x30 | (packetId === undefined ? 0 : 2) | (retain ? 1 : 0)
  return concatBytes(Uint8Array.of(first, ...lengthOf(body.length)), body)
}

function lengthOf(length: number): readonly number[] {
  const bytes: number[] = []
  let rest = length
  do {
    const low = rest & 0x7f
    rest >>= 7
    bytes.push(rest > 0 ? low | 0x80 : low)
  } while (rest > 0)
  return bytes
}

/** Topic and payload of a PUBLISH that the bridge wrote. */
export function readMessage({ body, flags }: Packet) {
  const length = ((body[0] ?? 0) << 8) | (body[1] ?? 0)
  const topic = new TextDecoder().decode(body.subarray(2, 2 + length))
  const idBytes = (flags & 6) === 0 ? 0 : 2
  const id = body.subarray(2 + length, 2 + length + idBytes)
  return {
    topic,
    payload: body.subarray(2 + length + idBytes),
    packetId: idBytes === 0 ? undefined : ((id[0] ?? 0) << 8) | (id[1] ?? 0),
    retain: (flags & 1) === 1,
  }
}
