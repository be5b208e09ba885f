import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { socketWire } from '../../gateway/bridge/io/socketWire.ts'
import { until } from '../support/until.ts'

let server: Server

afterEach(() => new Promise((resolve) => server.close(resolve)))

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  server = createServer(onSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

function place(port: number) {
  return { host: '127.0.0.1', port, tls: undefined }
}

test('a paused wire takes nothing in, and all of it afterwards', async () => {
  const sent = new Uint8Array(8_000_000).fill(7)
  let socket: Socket | undefined
  const port = await listen((one) => {
    socket = one
    one.write(sent)
  })
  let received = 0
  const wire = await socketWire(place(port))({
    onData: (bytes) => {
      received += bytes.length
      if (received === bytes.length) wire.pause()
    },
    onClose: () => {},
  })
  const atRest = await until('the first read', () => received > 0 && received)
  // The sender can get rid of no more than the buffers of the two systems hold.
  expect(await settled(() => socket?.writableLength ?? 0)).toBeGreaterThan(0)
  expect(received).toBe(atRest)
  wire.resume()
  await until('everything', () => received === sent.length)
  wire.destroy()
})

/** A number that has stopped changing. */
function settled(look: () => number): Promise<number> {
  let last = Number.NaN
  return until('no more change', () => {
    const now = look()
    const same = now === last
    last = now
    return same && now
  })
}

test('what was written leaves before the end', async () => {
  const read: string[] = []
  const port = await listen((socket) => {
    socket.on('data', (bytes) => read.push(String(bytes)))
  })
  let closed: string | undefined
  const wire = await socketWire(place(port))({
    onData: () => {},
    onClose: (reason) => {
      closed = reason
    },
  })
  wire.write(Buffer.from('goodbye'))
  wire.end()
  await until('the end', () => closed)
  expect(read.join('')).toBe('goodbye')
  wire.write(Buffer.from('late'))
})

test('the other side hangs up', async () => {
  const port = await listen((socket) => socket.destroy())
  const closed = new Promise<string>((resolve) => {
    void socketWire(place(port))({ onData: () => {}, onClose: resolve })
  })
  expect(await closed).toBe('it closed the connection')
})

test('nobody is there', async () => {
  const port = await listen(() => {})
  await new Promise((resolve) => server.close(resolve))
  const opening = socketWire(place(port))({ onData: () => {}, onClose: () => {} })
  await expect(opening).rejects.toThrow('nothing listens there')
  await listen(() => {})
})
