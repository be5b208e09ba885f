/**
 * The lines of a simulated meter: a serial port (one end of a pty) that is reopened whenever it
 * goes away, or a TCP listener that takes the place of a serial server.
 * @module
 */
import { createServer, type Socket } from 'node:net'
import { SerialPort } from 'serialport'
import type { Serial } from '../../ports/index.ts'
import { serialOfStream } from '../../ports/io/serialStream.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Lines, OpenLines } from '../simulator.ts'

const reopenAfterMs = 500
/** Hosts that may be connected at the same time, as on a small serial server. */
const connectionsMax = 4

/** Opens `serial:///path?baud=N` or `tcp-listen://host:port` (port 0: any free one). */
export const openLines: OpenLines = (source, onLine) => {
  const url = new URL(source)
  return url.protocol === 'serial:' ? openPort(url, onLine) : listen(url, onLine)
}

/** The port must be there at first; when it is unplugged later, its return is waited for. */
async function openPort(url: URL, onLine: (line: Serial) => void): Promise<Lines> {
  const path = decodeURIComponent(url.pathname)
  const baudRate = Number(url.searchParams.get('baud') ?? 9600)
  let port: SerialPort | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const again = () => {
    if (!closed) timer = setTimeout(() => void open().catch(again), reopenAfterMs)
  }
  const open = async () => {
    const opened = await openOnce(path, baudRate)
    if (closed) return opened.close()
    port = opened
    opened.on('close', again)
    onLine(serialOfStream(opened, () => closePort(opened)))
  }
  await open()
  const close = async () => {
    closed = true
    clearTimeout(timer)
    if (port !== undefined) await closePort(port)
  }
  return { where: url.href, close }
}

function openOnce(path: string, baudRate: number): Promise<SerialPort> {
  const port = new SerialPort({ path, baudRate, autoOpen: false })
  return new Promise((done, fail) => {
    port.open((error) => (error === null ? done(port) : fail(portError(path, error))))
  })
}

function portError(path: string, { message }: Error): Error {
  const reason = /no such file/i.test(message)
    ? 'there is no such port: plug it in or correct the path'
    : message.replace(/^Error:? */, '')
  return new OperatorError(`meter simulator: cannot open ${path}: ${reason}`)
}

function closePort(port: SerialPort): Promise<void> {
  return new Promise((done) => {
    if (port.isOpen) port.close(() => done())
    else done()
  })
}

function listen(url: URL, onLine: (line: Serial) => void): Promise<Lines> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const open = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    if (open.size >= connectionsMax) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    onLine(serialOfStream(socket, async () => void socket.destroy()))
  })
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      for (const socket of open) socket.destroy()
    })
  return new Promise((done, fail) => {
    server.on('error', (error) => fail(listenError(url, error)))
    server.listen(Number(url.port), host, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : url.port
      done({ where: `tcp://${url.hostname}:${port}`, close })
    })
  })
}

function listenError(url: URL, error: Error): Error {
  const code = 'code' in error ? error.code : ''
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program listens there: stop it or choose another port',
    EACCES: 'permission denied: choose a port above 1023',
    EADDRNOTAVAIL: 'this machine has no such address: use 127.0.0.1 or one of its own',
    ENOTFOUND: 'no such host: use 127.0.0.1 or an address of this machine',
  }
  const reason = reasons[String(code)] ?? error.message
  return new OperatorError(`meter simulator: cannot listen at ${url.host}: ${reason}`)
}
