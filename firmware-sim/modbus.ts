/**
 * Modbus RTU as a slave sees it (Modbus over Serial Line V1.02): requests out of a byte stream,
 * and replies. Requests are told apart by the length that their function code implies; after noise
 * the scan moves on byte by byte until a checksum fits.
 * @module
 */
import { concatBytes } from '../protocol/bytes.ts'

/** Longest request: address, function, 253 bytes and checksum. */
const requestBytesMax = 256

/** A partial request older than this is noise: on a real line 3.5 characters of silence end it. */
export const requestGapMs = 50

export type ModbusRequest = {
  readonly unitId: number
  readonly functionCode: number
  /** What follows the function code, without checksum. */
  readonly data: Uint8Array
}

export const illegalFunction = 1
export const illegalAddress = 2
export const illegalValue = 3

export type ModbusReceiver = {
  /** Requests that `chunk` completes, in order. `nowMs` is any clock that never goes back. */
  readonly push: (chunk: Uint8Array, nowMs: number) => ModbusRequest[]
}

export function modbusReceiver(): ModbusReceiver {
  let held: Uint8Array = new Uint8Array(0)
  let lastMs = 0
  const push = (chunk: Uint8Array, nowMs: number) => {
    if (nowMs - lastMs > requestGapMs) held = new Uint8Array(0)
    lastMs = nowMs
    held = concatBytes(held, chunk)
    const requests: ModbusRequest[] = []
    let at = 0
    while (at < held.length) {
      const found = requestAt(held.subarray(at))
      if (found === 'incomplete') break
      if (found !== undefined) requests.push(found)
      at += found === undefined ? 1 : found.data.length + 4
    }
    held = held.slice(Math.max(at, held.length - requestBytesMax))
    return requests
  }
  return { push }
}

/** The request that starts here, undefined when none does. */
function requestAt(bytes: Uint8Array): ModbusRequest | 'incomplete' | undefined {
  const functionCode = bytes[1]
  if (functionCode === undefined) return 'incomplete'
  const length = requestLength(functionCode, bytes)
  if (length === undefined) return undefined
  if (bytes.length < length) return 'incomplete'
  if (!checksumFits(bytes.subarray(0, length))) return undefined
  return { unitId: bytes[0] ?? 0, functionCode, data: bytes.slice(2, length - 2) }
}

function requestLength(functionCode: number, bytes: Uint8Array): number | undefined {
  if (functionCode === 0x0f || functionCode === 0x10) {
    const count = bytes[6] ?? 0
    return count > requestBytesMax - 9 ? undefined : 9 + count
  }
  return functionCode >= 1 && functionCode <= 6 ? 8 : undefined
}

/** A reply of `unitId` with its checksum. */
export function modbusReply(unitId: number, functionCode: number, data: Uint8Array): Uint8Array {
  const plain = concatBytes(Uint8Array.of(unitId, functionCode), data)
  const sum = crc16(plain)
  return concatBytes(plain, Uint8Array.of(sum & 0xff, sum >> 8))
}

export function modbusException(request: ModbusRequest, code: number): Uint8Array {
  return modbusReply(request.unitId, request.functionCode | 0x80, Uint8Array.of(code))
}

/** The two 16-bit fields that nearly every request starts with: address, then count or value. */
export function addressAndCount(request: ModbusRequest): readonly [number, number] {
  const { data } = request
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  return [view.getUint16(0), view.getUint16(2)]
}

/** CRC-16/MODBUS; "123456789" gives 0x4b37. Sent low byte first. */
export function crc16(bytes: Uint8Array): number {
  let sum = 0xffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xa001 : sum >>> 1
  }
  return sum
}

function checksumFits(bytes: Uint8Array): boolean {
  const sum = crc16(bytes.subarray(0, bytes.length - 2))
  return bytes[bytes.length - 2] === (sum & 0xff) && bytes[bytes.length - 1] === sum >> 8
}
