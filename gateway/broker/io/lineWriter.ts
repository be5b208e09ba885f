/**
 * Gathers what is sent to one client in a turn of the event loop and writes it at its end: a system
 * call costs more than everything else that is done for a message.
 * @module
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { OutgoingHead } from '../publishPacket.ts'
import {
  PUBACK_BYTES,
  PUBLISH_OVERHEAD_BYTES_MAX,
  writePuback,
  writePublish,
} from '../publishPacket.ts'

/** What is gathered at a time: written before the end of the turn when it is more. */
const GATHERED_BYTES_MAX = 16_384
/** Acknowledgements of 50 messages and what else a turn brings. */
const BUFFER_BYTES = 2_048
/** Buffers kept for the next turn. */
const SPARE_BUFFERS_MAX = 1_024

/** The writers of a broker that have something to write at the end of this turn. */
export type TurnEnd = {
  readonly add: (writer: LineWriter) => void
  /** It has written already: forgets it if it was the last one added. */
  readonly drop: (writer: LineWriter) => boolean
  readonly takeBuffer: () => Buffer
  readonly giveBuffer: (buffer: Buffer) => void
}

export function createTurnEnd(): TurnEnd {
  const spare: Buffer[] = []
  let waiting: LineWriter[] = []
  let isScheduled = false
  const flush = () => {
    const writers = waiting
    waiting = []
    isScheduled = false
    for (const writer of writers) writer.flush()
  }
  return {
    add: (writer) => {
      waiting.push(writer)
      if (isScheduled) return
      isScheduled = true
      process.nextTick(flush)
    },
    drop: (writer) => {
      if (waiting.at(-1) !== writer) return false
      waiting.pop()
      return true
    },
    takeBuffer: () => spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES),
    giveBuffer: (buffer) => {
      const fits = buffer.length === BUFFER_BYTES && spare.length < SPARE_BUFFERS_MAX
      if (fits) spare.push(buffer)
    },
  }
}

export class LineWriter {
  readonly #line: Duplex
  readonly #turnEnd: TurnEnd
  readonly #onBlocked: () => void
  /** Undefined while nothing is gathered. */
  #buffer: Buffer | undefined
  #used = 0
  #isAdded = false

  /** `onBlocked` is called when the line takes no more; it emits `drain` when it does again. */
  constructor(line: Duplex, turnEnd: TurnEnd, onBlocked: () => void) {
    this.#line = line
    this.#turnEnd = turnEnd
    this.#onBlocked = onBlocked
  }

  /** True while the peer does not read what was written to it. */
  get blocked(): boolean {
    return this.#line.writableLength >= this.#line.writableHighWaterMark
  }

  puback(packetId: number): void {
    const buffer = this.#room(PUBACK_BYTES)
    this.#used = writePuback(buffer, this.#used, packetId)
  }

  publish(head: OutgoingHead, payload: Uint8Array): void {
    const bytes = PUBLISH_OVERHEAD_BYTES_MAX + head.topic.length + payload.length
    const buffer = this.#room(bytes)
    this.#used = writePublish(buffer, this.#used, head, payload)
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length).set(bytes, this.#used)
    this.#used += bytes.length
  }

  /** Writes what was gathered: at the end of the turn. */
  flush(): void {
    this.#isAdded = false
    this.#write()
  }

  /**
   * Writes what was gathered now. Where thousands of clients are told something in one turn, the
   * bytes of each are still in the processor's cache, and one buffer serves all of them.
   */
  flushNow(): void {
    if (this.#isAdded && this.#turnEnd.drop(this)) this.#isAdded = false
    this.#write()
  }

  #write(): void {
    const buffer = this.#buffer
    if (!buffer) return
    const bytes = buffer.subarray(0, this.#used)
    this.#buffer = undefined
    this.#used = 0
    const line = this.#line
    if (line.destroyed || line.writableEnded) return
    line.write(bytes)
    // A socket that has nothing left to write has handed all bytes to the operating system.
    if (line instanceof Socket && line.writableLength === 0) this.#turnEnd.giveBuffer(buffer)
    else if (this.blocked) this.#onBlocked()
  }

  /** The buffer, with room for `bytes` more behind what is used. */
  #room(bytes: number): Buffer {
    if (this.#used > 0 && this.#used + bytes > GATHERED_BYTES_MAX) this.#write()
    if (!this.#isAdded) {
      this.#isAdded = true
      this.#turnEnd.add(this)
    }
    const needed = this.#used + bytes
    let buffer = this.#buffer ?? this.#turnEnd.takeBuffer()
    if (needed > buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * buffer.length))
      larger.set(buffer.subarray(0, this.#used))
      this.#turnEnd.giveBuffer(buffer)
      buffer = larger
    }
    this.#buffer = buffer
    return buffer
  }
}
