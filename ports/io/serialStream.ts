/**
 * Any duplex byte stream (a serial port, a socket) as a `Serial`.
 * @module
 */
import type { Duplex } from 'node:stream'
import type { Serial } from '../index.ts'

/** Wraps an open stream; `end` closes what is under it. */
export function serialOfStream(stream: Duplex, end: () => Promise<void>): Serial {
  let reason = 'the line was closed'
  let closed = false
  const listeners: ((reason: string) => void)[] = []
  stream.on('error', (error) => {
    reason = error.message
  })
  stream.on('close', (error?: unknown) => {
    if (error instanceof Error) reason = error.message
    closed = true
    for (const listener of listeners) listener(reason)
  })
  return {
    write: (bytes) =>
      new Promise((done, fail) => {
        if (closed) fail(new Error(reason))
        else stream.write(bytes, (error) => (error ? fail(error) : done()))
      }),
    onData: (listener) => {
      stream.on('data', (chunk: Buffer) => listener(new Uint8Array(chunk)))
    },
    onClose: (listener) => {
      if (closed) queueMicrotask(() => listener(reason))
      else listeners.push(listener)
    },
    close: end,
  }
}
