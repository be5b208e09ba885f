/**
 * A line whose reads and writes a test makes and sees, and that may stop taking bytes.
 */
import { Duplex } from 'node:stream'

export class TestLine extends Duplex {
  /** The very bytes that were written, not a copy: a writer must not use them again. */
  readonly written: Buffer[] = []
  /** When it is there, writes wait until these are called. */
  stuck: (() => void)[] | undefined

  constructor() {
    // Node's own bound differs between its versions.
    super({ highWaterMark: 16_384 })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(chunk)
    if (this.stuck) this.stuck.push(done)
    else done()
  }
}
