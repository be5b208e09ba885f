/**
 * A Duplex in front of the MQTT parser. It refuses packets by their header, lets complete packets
 * through one at a time as `admit` allows, and otherwise stops reading from the line, so that the
 * peer's own TCP stack holds what it sends too fast.
 * @module
 */
import { Duplex } from 'node:stream'
import type { Framer, Violation } from '../framer.ts'
import { createFramer } from '../framer.ts'

export type GateOptions = {
  readonly packetBytesMax: number
  /** `hold` keeps the packet and all after it until `admitHeld`. */
  readonly admit: (type: number) => 'pass' | 'hold' | 'refuse'
  /** The peer broke a rule: the gate has destroyed itself. */
  readonly onViolation: (why: Violation | 'unexpected_packet') => void
}

type WriteDone = (error?: Error | null) => void

export class Gate extends Duplex {
  readonly #line: Duplex
  readonly #options: GateOptions
  readonly #framer: Framer
  /** The reader has room. */
  #wanted = false
  #ended = false
  #finished = false

  constructor(line: Duplex, options: GateOptions) {
    super()
    this.#line = line
    this.#options = options
    this.#framer = createFramer(options.packetBytesMax)
    line.on('data', (chunk: Uint8Array) => {
      this.#framer.push(chunk)
      this.admitHeld()
    })
    line.on('end', () => {
      this.#ended = true
      this.admitHeld()
    })
    line.on('error', () => this.destroy())
    line.on('close', () => this.destroy())
  }

  /** Raises the limit for packets from now on, when the peer has shown who it is. */
  setLimit(packetBytesMax: number): void {
    this.#framer.setLimit(packetBytesMax)
  }

  /** Asks `admit` again for what is held back, and reads on when nothing is. */
  admitHeld(): void {
    const held = this.#passAll()
    if (this.destroyed || this.#finished) return
    const bytes = this.#framer.take()
    if (bytes) this.#wanted = this.push(bytes)
    if (held || !this.#wanted) this.#line.pause()
    else if (this.#ended) this.#finish()
    else this.#line.resume()
  }

  #finish(): void {
    this.#finished = true
    this.push(null)
  }

  /** True when something may be left that was not passed. */
  #passAll(): boolean {
    while (this.#wanted && !this.destroyed) {
      const frame = this.#framer.peek()
      if (frame.kind === 'partial') return false
      if (frame.kind === 'refused') return this.#refuse(frame.why)
      const verdict = this.#options.admit(frame.type)
      if (verdict === 'hold') return true
      if (verdict === 'refuse') return this.#refuse('unexpected_packet')
      this.#framer.pass(frame.length)
    }
    return true
  }

  #refuse(why: Violation | 'unexpected_packet'): true {
    this.destroy()
    this.#options.onViolation(why)
    return true
  }

  override _read(): void {
    this.#wanted = true
    this.admitHeld()
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: WriteDone): void {
    this.#line.write(chunk, done)
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: WriteDone): void {
    this.#line.cork()
    const last = chunks.length - 1
    for (const [index, { chunk }] of chunks.entries()) {
      if (index === last) this.#line.write(chunk, done)
      else this.#line.write(chunk)
    }
    this.#line.uncork()
  }

  override _final(done: WriteDone): void {
    this.#line.end(() => done())
  }

  override _destroy(error: Error | null, done: WriteDone): void {
    this.#line.destroy()
    done(error)
  }
}
