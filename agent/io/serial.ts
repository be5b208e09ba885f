/**
 * Real lines: serial ports, and serial over TCP as ser2net and Modbus gateways give it. The
 * serial library is loaded when the first port is opened.
 * @module
 */
import { readdir, realpath } from 'node:fs/promises'
import { createConnection } from 'node:net'
import type { SerialPort } from 'serialport'
import type { Serial, SerialOpener } from '../../ports/index.ts'
import { serialOfStream } from '../../ports/io/serialStream.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { parseSource, type Source } from '../meters/source.ts'

/** Longest wait for a TCP connection. */
const connectTimeoutMs = 5_000

/** Opens `serial:///dev/...?baud=9600` or `tcp://host:port`; rejects with OperatorError. */
export const openSerial: SerialOpener = async (text) => {
  const source = parseSource(text)
  return source.kind === 'serial' ? openPort(source) : connect(source)
}

/** By its default: where all of the program is bundled, a CommonJS package has no other export. */
async function loadLibrary() {
  const { default: library } = await import('serialport')
  return library
}

async function openPort(source: Source & { kind: 'serial' }): Promise<Serial> {
  const { SerialPort } = await loadLibrary()
  const { path, baudRate, dataBits, stopBits, parity } = source
  const port = new SerialPort({ path, baudRate, dataBits, stopBits, parity, autoOpen: false })
  await new Promise<void>((done, fail) => {
    port.open((error) => (error === null ? done() : fail(portError(path, error))))
  })
  return serialOfStream(port, () => closePort(port))
}

function closePort(port: SerialPort): Promise<void> {
  return new Promise((done) => {
    if (port.isOpen) port.close(() => done())
    else done()
  })
}

function portError(path: string, error: Error): OperatorError {
  const text = error.message
  if (/no such file/i.test(text)) {
    return new OperatorError(
      `serial port ${path} is not there: plug it in; tickpay detect lists the ports`,
    )
  }
  if (/permission denied/i.test(text)) {
    return new OperatorError(
      `serial port ${path}: permission denied: add this user to the group dialout`,
    )
  }
  if (/lock|busy|unavailable/i.test(text)) {
    return new OperatorError(`serial port ${path} is used by another program: stop that one first`)
  }
  return new OperatorError(
    `serial port ${path} cannot be opened: ${text.replace(/^Error:? */, '')}`,
  )
}

function connect(source: Source & { kind: 'tcp' }): Promise<Serial> {
  const { host, port } = source
  return new Promise((done, fail) => {
    const socket = createConnection({ host, port, noDelay: true, keepAlive: true })
    const give = (reason: string) => {
      socket.destroy()
      fail(new OperatorError(`cannot connect to tcp://${host}:${port}: ${reason}`))
    }
    socket.setTimeout(connectTimeoutMs, () => give('no answer: check the address and the network'))
    socket.once('error', (error) => give(socketReason(error)))
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.removeAllListeners('error')
      done(serialOfStream(socket, async () => void socket.destroy()))
    })
  })
}

function socketReason(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'ECONNREFUSED') return 'nothing listens there: start the serial server'
  if (code === 'ENOTFOUND') return 'no such host: check its name'
  return error.message
}

export type SerialPortInfo = {
  /** The name to configure: the stable one where there is one. */
  readonly path: string
  /** The device it stands for now. */
  readonly device: string
  readonly maker: string | undefined
}

/** Serial ports of this machine, by their stable names. Empty when there are none. */
export async function listSerialPorts(): Promise<readonly SerialPortInfo[]> {
  const [told, stable] = await Promise.all([portsOfLibrary(), stableNames()])
  const named = await namesIn('/dev', /^tty(USB|ACM)\d+$/)
  const devices = new Set([...told.keys(), ...stable.keys(), ...named])
  return [...devices].sort().map((device) => ({
    path: stable.get(device) ?? device,
    device,
    maker: told.get(device),
  }))
}

/** Ports with a maker; where udev is missing the library cannot list, and the folders must do. */
async function portsOfLibrary(): Promise<Map<string, string | undefined>> {
  try {
    const { SerialPort } = await loadLibrary()
    const ports = await SerialPort.list()
    const plugged = ports.filter((port) => port.vendorId !== undefined)
    return new Map(plugged.map((port) => [port.path, port.manufacturer]))
  } catch {
    return new Map()
  }
}

const stableFolder = '/dev/serial/by-id'

async function stableNames(): Promise<Map<string, string>> {
  const names = await namesIn(stableFolder, /./)
  const pairs = await Promise.all(
    names.map(async (name) => [await realpath(name).catch(() => name), name] as const),
  )
  return new Map(pairs)
}

async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => pattern.test(name)).map((name) => `${folder}/${name}`)
}
