/**
 * A Modbus RTU master on an open line: the requests of `modbus-serial`, our bytes and our timers.
 * One request at a time; every failure is a value.
 * @module
 */
import { EventEmitter } from 'node:events'
import * as modbusSerial from 'modbus-serial'
import type { Serial, Timers } from '../../ports/index.ts'
import type { ModbusAnswer, ModbusMaster } from '../meters/modbusMaster.ts'

/** The part of the library that is used; its own types do not fit its CommonJS export. */
type Client = {
  readonly open: (done: (error: unknown) => void) => void
  readonly writeFC3: ReadRequest
  readonly writeFC4: ReadRequest
  readonly writeFC1: (unit: number, address: number, count: number, next: Next) => void
  readonly writeFC5: (unit: number, address: number, on: boolean, next: Next) => void
  readonly writeFC6: (unit: number, address: number, value: number, next: Next) => void
}
type ReadRequest = (unit: number, address: number, count: number, next: Next) => void
type Result = { readonly buffer?: Uint8Array; readonly state?: boolean; readonly value?: number }
type Next = (error: (Error & { modbusCode?: number }) | null, result?: Result) => void
type ClientClass = new (port: EventEmitter) => Client

const heldBytesMax = 512
const crcBytes = 2
const exceptionBytes = 5

/** Opens a master on `serial`; each answer is waited for at most `timeoutMs`. */
export function openModbus(serial: Serial, timers: Timers, timeoutMs: number): ModbusMaster {
  const client = new (clientClass())(new LinePort(serial))
  client.open(() => undefined)
  let closed = false
  serial.onClose(() => {
    closed = true
  })

  const ask = (send: (next: Next) => void) =>
    new Promise<ModbusAnswer<Result>>((done) => {
      if (closed) return done({ ok: false, reason: 'line_closed' })
      const cancel = timers.after(timeoutMs, () => done({ ok: false, reason: 'no_answer' }))
      const next: Next = (error, result) => {
        cancel()
        if (error === null || error === undefined) return done({ ok: true, value: result ?? {} })
        done({ ok: false, reason: error.modbusCode === undefined ? 'bad_answer' : 'refused' })
      }
      send(next)
    })

  const words = async (send: (next: Next) => void, bytes: number) => {
    const answer = await ask(send)
    if (!answer.ok) return answer
    const { buffer } = answer.value
    if (buffer?.length !== bytes) return { ok: false, reason: 'bad_answer' } as const
    return { ok: true, value: Uint8Array.from(buffer) } as const
  }
  return {
    readInput: (unit, address, count) =>
      words((next) => client.writeFC4(unit, address, count, next), 2 * count),
    readHolding: (unit, address, count) =>
      words((next) => client.writeFC3(unit, address, count, next), 2 * count),
    readCoil: (unit, address) => words((next) => client.writeFC1(unit, address, 1, next), 1),
    writeCoil: async (unit, address, on) => {
      const answer = await ask((next) => client.writeFC5(unit, address, on, next))
      return answer.ok && answer.value.state !== on ? { ok: false, reason: 'bad_answer' } : answer
    },
    writeRegister: async (unit, address, value) => {
      const answer = await ask((next) => client.writeFC6(unit, address, value, next))
      return answer.ok && answer.value.value !== value
        ? { ok: false, reason: 'bad_answer' }
        : answer
    },
  }
}

/** What the library takes for a port: it wants each reply whole, so replies are collected here. */
class LinePort extends EventEmitter {
  readonly isOpen = true
  private readonly serial: Serial
  private held: Uint8Array = new Uint8Array(0)
  private request: Uint8Array = new Uint8Array(2)

  constructor(serial: Serial) {
    super()
    this.serial = serial
    serial.onData((chunk) => this.receive(chunk))
  }

  open(done: (error: null) => void): void {
    done(null)
  }

  close(done: () => void): void {
    done()
  }

  write(request: Uint8Array): void {
    // What is still held answers an older request.
    this.held = new Uint8Array(0)
    this.request = Uint8Array.from(request)
    this.serial.write(this.request).catch(() => undefined)
  }

  private receive(chunk: Uint8Array): void {
    const held = Buffer.concat([this.held, chunk])
    this.held = held.subarray(Math.max(0, held.length - heldBytesMax))
    for (let at = 0; at + exceptionBytes <= this.held.length; at++) {
      const reply = replyAt(this.held.subarray(at), this.request)
      if (reply === undefined) continue
      this.held = new Uint8Array(0)
      this.emit('data', Buffer.from(reply))
      return
    }
  }
}

/** The whole reply to `request` that starts here, undefined when none does. */
function replyAt(bytes: Uint8Array, request: Uint8Array): Uint8Array | undefined {
  const [unit, functionCode] = request
  if (unit === undefined || functionCode === undefined || bytes[0] !== unit) return undefined
  const length = bytes[1] === (functionCode | 0x80) ? exceptionBytes : replyLength(request)
  if (bytes[1] !== functionCode && length !== exceptionBytes) return undefined
  if (bytes.length < length || !checksumFits(bytes.subarray(0, length))) return undefined
  return bytes.subarray(0, length)
}

function replyLength(request: Uint8Array): number {
  const functionCode = request[1] ?? 0
  const count = ((request[4] ?? 0) << 8) | (request[5] ?? 0)
  if (functionCode <= 2) return 3 + Math.ceil(count / 8) + crcBytes
  if (functionCode <= 4) return 3 + 2 * count + crcBytes
  return 8
}

function checksumFits(bytes: Uint8Array): boolean {
  let sum = 0xffff
  // Over everything with its own sum, low byte first, the sum is 0.
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xa001 : sum >>> 1
  }
  return sum === 0
}

function clientClass(): ClientClass {
  return modbusSerial.default as unknown as ClientClass
}
