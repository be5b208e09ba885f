/**
 * An MQTT 3.1.1 client made of bytes, so that tests can send what no library would.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createConnection } from 'node:net'

export type RawPacket = { readonly type: number; readonly flags: number; readonly body: Buffer }

export type ConnectFields = {
  readonly clientId: string
  readonly username?: string
  readonly password?: string
  readonly keepalive?: number
  readonly clean?: boolean
  readonly will?: { topic: string; payload: string; qos?: number; retain?: boolean }
  readonly level?: number
}

export function text(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** The remaining length as MQTT writes it. */
export function lengthBytes(length: number): Buffer {
  const bytes: number[] = []
  let rest = length
  do {
    const more = rest >= 128 ? 128 : 0
    bytes.push((rest % 128) | more)
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return Buffer.from(bytes)
}

export function packet(first: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([first]), lengthBytes(body.length), body])
}

export function connectPacket(fields: ConnectFields): Buffer {
  const { will } = fields
  let flags = (fields.clean ?? true) ? 2 : 0
  if (will) flags |= 4 | ((will.qos ?? 0) << 3) | (will.retain ? 32 : 0)
  if (fields.password !== undefined) flags |= 64
  if (fields.username !== undefined) flags |= 128
  const keepalive = Buffer.alloc(2)
  keepalive.writeUInt16BE(fields.keepalive ?? 60)
  return packet(
    0x10,
    text('MQTT'),
    Buffer.from([fields.level ?? 4, flags]),
    keepalive,
    text(fields.clientId),
    ...(will ? [text(will.topic), text(will.payload)] : []),
    ...(fields.username === undefined ? [] : [text(fields.username)]),
    ...(fields.password === undefined ? [] : [text(fields.password)]),
  )
}

export function publishPacket(
  topic: string,
  payload: string | Uint8Array,
  options: { qos?: number; id?: number; retain?: boolean } = {},
): Buffer {
  const qos = options.qos ?? 1
  const id = Buffer.alloc(qos > 0 ? 2 : 0)
  if (qos > 0) id.writeUInt16BE(options.id ?? 1)
  const first = 0x30 | (qos << 1) | (options.retain ? 1 : 0)
  return packet(first, text(topic), id, Buffer.from(payload))
}

export function subscribePacket(id: number, filters: readonly string[], qos = 1): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(id)
  return packet(0x82, head, ...filters.flatMap((one) => [text(one), Buffer.from([qos])]))
}

export type RawClient = {
  readonly socket: Socket
  readonly send: (...packets: readonly Uint8Array[]) => void
  /** The next packet of this type that was not taken yet; rejects when the connection ends. */
  readonly next: (type: number) => Promise<RawPacket>
  /** Packets that arrived and were not taken. */
  readonly waiting: () => readonly RawPacket[]
  readonly closed: Promise<void>
}

/** Packet types that a broker sends. */
export const types = { connack: 2, publish: 3, puback: 4, suback: 9, pingresp: 13 } as const

/** `from` is another address of this machine, such as 127.0.0.2. */
export async function rawClient(port: number, from = '127.0.0.1'): Promise<RawClient> {
  const socket = createConnection({ port, host: '127.0.0.1', localAddress: from })
  await once(socket, 'connect')
  const arrived: RawPacket[] = []
  let isClosed = false
  let wake = () => {}
  let buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    buffer = Buffer.concat([buffer, chunk])
    for (let found = split(buffer); found; found = split(buffer)) {
      arrived.push(found.packet)
      buffer = found.rest
    }
    wake()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isClosed = true
      wake()
      resolve()
    })
  })
  const next = async (type: number): Promise<RawPacket> => {
    for (;;) {
      const at = arrived.findIndex((one) => one.type === type)
      const [found] = at === -1 ? [] : arrived.splice(at, 1)
      if (found) return found
      if (isClosed) throw new Error(`closed while waiting for packet type ${type}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const send = (...packets: readonly Uint8Array[]) => {
    socket.write(Buffer.concat(packets))
  }
  return { socket, send, next, waiting: () => arrived, closed }
}

function split(buffer: Buffer): { packet: RawPacket; rest: Buffer<ArrayBuffer> } | undefined {
  let length = 0
  for (let place = 0; place < 4; place++) {
    const byte = buffer[1 + place]
    if (byte === undefined) return undefined
    length += (byte & 127) << (7 * place)
    if (byte >= 128) continue
    const start = 2 + place
    if (buffer.length < start + length) return undefined
    const first = buffer[0] ?? 0
    const body = Buffer.from(buffer.subarray(start, start + length))
    return {
      packet: { type: first >> 4, flags: first & 15, body },
      rest: Buffer.from(buffer.subarray(start + length)),
    }
  }
  return undefined
}

/** Topic and payload of a PUBLISH. */
export function readPublish({ flags, body }: RawPacket): { topic: string; payload: string } {
  const length = body.readUInt16BE(0)
  const at = 2 + length + ((flags & 6) === 0 ? 0 : 2)
  return { topic: body.subarray(2, 2 + length).toString(), payload: body.subarray(at).toString() }
}
