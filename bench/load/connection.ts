/**
 * One connection of the load generator: a raw socket, packets that were made before the clock
 * started, and a count of what was acknowledged. Nothing is allocated for a PUBACK.
 * @module
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { present } from '../../protocol/assert.ts'
import { frameAt, PINGREQ, PUBACK_BYTE, PUBACK_BYTES, packetTypes, readPublish } from './packets.ts'

/** What is read is dealt with before the next socket is read, so all share one buffer. */
const shared = Buffer.allocUnsafeSlow(1 << 18)
const nothing = Buffer.alloc(0)

export type DownListener = (name: string, payload: Buffer) => void

/** Packets of equal size side by side; their ids count from 1. */
export type Packets = {
  readonly bytes: Buffer
  readonly size: number
  readonly count: number
  /** Messages that may be sent: more than `count` where the same packets go out again. */
  readonly sendable: number
}

export class LoadConnection {
  readonly name: string
  packets: Packets = { bytes: nothing, size: 0, count: 0, sendable: 0 }
  /** Messages of `packets` sent and acknowledged. */
  sent = 0
  acknowledged = 0
  /** Acknowledgements of messages that are not of `packets` are counted away first. */
  others = 0
  onAcknowledged: (connection: LoadConnection, count: number) => void = () => {}
  onDown: DownListener = () => {}
  onPacket: (type: number, code: number) => void = () => {}
  onLost: (connection: LoadConnection) => void = () => {}
  /** After everything that one read has brought, and at the end. */
  onNews: () => void = () => {}
  isLost = false
  /** Keys and certificate, where it connects over TLS. */
  readonly secure: SecureContext | undefined
  #carry: Buffer = nothing
  /** Packet ids of the messages of one read that are to be acknowledged. */
  #owed: number[] = []

  #socket: Socket | undefined

  constructor(name: string, secure?: SecureContext) {
    this.name = name
    this.secure = secure
  }

  /** The socket; there is one from `open` on. */
  get socket(): Socket {
    return present(this.#socket, 'a connection is opened before it is used')
  }

  /** Connects to a server on this machine. */
  open(port: number): void {
    const onread = {
      buffer: shared,
      callback: (length: number) => {
        this.#read(length)
        return true
      },
    }
    const options = { port, host: '127.0.0.1', noDelay: true, onread }
    const { secure } = this
    this.#socket = secure
      ? connectTls({ ...options, secureContext: secure, minVersion: 'TLSv1.3' })
      : connect(options)
    this.#socket.setNoDelay(true)
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.isLost = true
      this.onLost(this)
      this.onNews()
    })
  }

  get inFlight(): number {
    return this.sent - this.acknowledged
  }

  /** Sends the next `count` prepared messages, fewer when not as many are left. */
  sendNext(count: number): number {
    const { bytes, size, count: all, sendable } = this.packets
    const from = this.sent
    const until = Math.min(sendable, from + count)
    while (this.sent < until) {
      const place = this.sent % all
      const part = Math.min(until - this.sent, all - place)
      this.socket.write(bytes.subarray(place * size, (place + part) * size))
      this.sent += part
    }
    return until - from
  }

  ping(): void {
    if (this.#socket?.writable) this.#socket.write(PINGREQ)
  }

  /** A message that is not one of the prepared ones. */
  sendOther(packet: Uint8Array): void {
    this.others += 1
    this.socket.write(packet)
  }

  #read(length: number): void {
    const isWhole = this.#carry.length === 0
    const bytes = isWhole ? shared : Buffer.concat([this.#carry, shared.subarray(0, length)])
    this.#carry = nothing
    const acknowledged = this.#take(bytes, isWhole ? length : bytes.length)
    // One write for everything that this read leads to.
    this.socket.cork()
    if (this.#owed.length > 0) this.#acknowledge()
    if (acknowledged > 0) {
      this.acknowledged += acknowledged
      this.onAcknowledged(this, acknowledged)
    }
    this.socket.uncork()
    this.onNews()
  }

  /** Returns how many of the prepared messages were acknowledged. */
  #take(bytes: Buffer, length: number): number {
    let acknowledged = 0
    let at = 0
    while (at < length) {
      if (bytes[at] === PUBACK_BYTE && length - at >= PUBACK_BYTES) {
        at += PUBACK_BYTES
        if (this.others > 0) this.others -= 1
        else acknowledged += 1
        continue
      }
      const frame = frameAt(bytes, at, length)
      if (frame === undefined) {
        this.#carry = Buffer.from(bytes.subarray(at, length))
        break
      }
      if (frame.first >> 4 === packetTypes.publish) this.#takeMessage(bytes, frame)
      else this.onPacket(frame.first >> 4, bytes[frame.end - 1] ?? 0)
      at = frame.end
    }
    return acknowledged
  }

  #takeMessage(bytes: Buffer, frame: NonNullable<ReturnType<typeof frameAt>>): void {
    const { topic, id, payload } = readPublish(bytes, frame)
    if (id > 0) this.#owed.push(id)
    this.onDown(topic.slice(topic.lastIndexOf('/') + 1), payload)
  }

  #acknowledge(): void {
    const packets = Buffer.allocUnsafe(PUBACK_BYTES * this.#owed.length)
    for (const [place, id] of this.#owed.entries()) {
      const at = place * PUBACK_BYTES
      packets[at] = PUBACK_BYTE
      packets[at + 1] = 2
      packets.writeUInt16BE(id, at + 2)
    }
    this.#owed = []
    this.socket.write(packets)
  }
}

/** Runs `work` on all, at most `atOnce` at a time. */
export async function forAll<T>(
  all: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < all.length) await work(present(all[next++], 'within the list'))
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
