/**
 * A Duplex between a line and the MQTT library. It refuses packets by their header, shows each
 * complete one to `admit`, which takes it, passes it on to the library or holds it back, and stops
 * reading from the line while one is held, so that the peer's own TCP stack holds what it sends too
 * fast. What the library writes joins what the broker sends by itself, in the order of the calls.
 * @module
 */
import { Duplex } from 'node:stream'
import type { Framer, Packet, Violation } from '../framer.ts'
import { createFramer } from '../framer.ts'
import type { TurnEnd } from './lineWriter.ts'
import { LineWriter } from './lineWriter.ts'

/** `taken`: dealt with. `hold` keeps the packet and all after it until `admitHeld`. */
export type Verdict = 'pass' | 'taken' | 'hold' | Violation

export type GateOptions = {
  readonly packetBytesMax: number
  readonly turnEnd: TurnEnd
  /** Packets are about to be shown to `admit`. */
  readonly onArrival: () => void
  /** The packet is only valid until `admit` returns. */
  readonly admit: (packet: Readonly<Packet>) => Verdict
  /** The peer broke a rule: the gate has destroyed itself. */
  readonly onViolation: (why: Violation) => void
  /** The line takes no more, and takes more again. */
  readonly onBlocked: () => void
  readonly onDrain: () => void
}

type WriteDone = (error?: Error | null) => void

export class Gate extends Duplex {
  readonly writer: LineWriter
  readonly #line: Duplex
  readonly #options: GateOptions
  readonly #framer: Framer
  /** The library has room. */
  #wanted = false
  #isHolding = false
  #isRunning = false
  #ended = false
  #finished = false

  constructor(line: Duplex, options: GateOptions) {
    super()
    this.#line = line
    this.#options = options
    this.#framer = createFramer(options.packetBytesMax)
    this.writer = new LineWriter(line, options.turnEnd, options.onBlocked)
    line.on('data', (chunk: Uint8Array) => {
      this.#framer.push(chunk)
      this.#run()
    })
    line.on('end', () => {
      this.#ended = true
      this.#run()
    })
    line.on('drain', () => {
      options.onDrain()
      this.admitHeld()
    })
    line.on('error', () => this.destroy())
    line.on('close', () => this.destroy())
  }

  /** Raises the limit for packets from now on, when the peer has shown who it is. */
  setLimit(packetBytesMax: number): void {
    this.#framer.setLimit(packetBytesMax)
  }

  /** Asks `admit` again for what is held back. */
  admitHeld(): void {
    if (this.#isHolding) this.#run()
  }

  #run(): void {
    // What `admit` does may free room: the loop below sees that by itself.
    if (this.#isRunning || this.destroyed || this.#finished) return
    this.#isRunning = true
    this.#options.onArrival()
    this.#isHolding = this.#passAll()
    this.#isRunning = false
    if (this.destroyed) return
    this.#framer.compact()
    if (this.#isHolding) this.#line.pause()
    else if (this.#ended) this.#finish()
    else if (this.#line.isPaused()) this.#line.resume()
  }

  #finish(): void {
    this.#finished = true
    this.push(null)
  }

  /** True when something may be left that was not passed. */
  #passAll(): boolean {
    while (!this.destroyed) {
      const frame = this.#framer.peek()
      if (frame.kind === 'partial') return false
      if (frame.kind === 'refused') return this.#refuse(frame.why)
      const verdict = this.#wanted ? this.#options.admit(frame) : 'hold'
      if (verdict === 'hold') return true
      if (verdict === 'pass') this.#wanted = this.push(frame.bytes.subarray(frame.start, frame.end))
      else if (verdict !== 'taken') return this.#refuse(verdict)
      this.#framer.pass()
    }
    return true
  }

  #refuse(why: Violation): true {
    this.destroy()
    this.#options.onViolation(why)
    return true
  }

  override _read(): void {
    this.#wanted = true
    this.admitHeld()
  }

  /** The library corks for a turn; here all that is written in a turn leaves together anyway. */
  override cork(): void {}
  override uncork(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: WriteDone): void {
    this.writer.append(chunk)
    done()
  }

  override _final(done: WriteDone): void {
    this.writer.flush()
    this.#line.end(() => done())
  }

  override _destroy(error: Error | null, done: WriteDone): void {
    this.writer.flush()
    this.#line.destroy()
    done(error)
  }
}
