/**
 * Frames of the firmware link: COBS (Cheshire and Baker, 1999) between zero bytes, CRC-32 at the
 * end. CRC-32 instead of a 16-bit sum because an undetected error moves money: noise passes once
 * in 2^32 frames, not once in 65,536. docs/firmware-link.md is normative.
 * @module
 */
import { concatBytes } from './bytes.ts'

/** Longest body (header, payload and CRC) that a receiver takes. */
export const frameBodyBytesMax = 64

/** COBS adds one byte per 254; a longer run without a delimiter is noise. */
const frameEncodedBytesMax = frameBodyBytesMax + 1

const crcBytes = 4
/** Version, type and sequence: what every body starts with. */
export const frameHeaderBytes = 4

/** Receives bytes in any pieces; noise is counted and never thrown. */
export type FrameDecoder = {
  /** Bodies (without CRC) of the frames that `chunk` completes. */
  readonly push: (chunk: Uint8Array) => Uint8Array[]
  /** Runs of bytes between two delimiters that were no frame. */
  readonly badFrames: () => number
}

/**
 * One frame ready for the line. It starts with a delimiter as well, which ends whatever noise or
 * torn frame the receiver is still holding.
 * @throws RangeError when the body would be longer than a receiver takes
 */
export function encodeFrame(body: Uint8Array): Uint8Array {
  if (body.length + crcBytes > frameBodyBytesMax) {
    throw new RangeError(`a frame body has at most ${frameBodyBytesMax - crcBytes} bytes`)
  }
  const delimiter = new Uint8Array(1)
  return concatBytes(delimiter, cobsEncode(concatBytes(body, crc32Bytes(body))), delimiter)
}

/** A decoder that holds at most one frame. */
export function frameDecoder(): FrameDecoder {
  const held = new Uint8Array(frameEncodedBytesMax)
  let length = 0
  let bad = 0

  const finish = (): Uint8Array | undefined => {
    const encoded = held.subarray(0, Math.min(length, held.length))
    const body = length > held.length ? undefined : openFrame(encoded)
    if (length > 0 && body === undefined) bad++
    length = 0
    return body
  }

  const push = (chunk: Uint8Array) => {
    const bodies: Uint8Array[] = []
    for (const byte of chunk) {
      if (byte !== 0) {
        if (length < held.length) held[length] = byte
        length = Math.min(length + 1, held.length + 1)
        continue
      }
      const body = finish()
      if (body !== undefined) bodies.push(body)
    }
    return bodies
  }
  return { push, badFrames: () => bad }
}

/** Body without CRC, or undefined when the bytes are no frame. */
function openFrame(encoded: Uint8Array): Uint8Array | undefined {
  const whole = cobsDecode(encoded)
  if (whole === undefined || whole.length < frameHeaderBytes + crcBytes) return undefined
  const body = whole.subarray(0, whole.length - crcBytes)
  const sum = new DataView(whole.buffer).getUint32(body.length)
  return sum === crc32(body) ? body : undefined
}

/** Replaces zero bytes by distances, so that zero can end a frame. No delimiter is added. */
export function cobsEncode(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length + Math.ceil(bytes.length / 254) + 1)
  let codeAt = 0
  let at = 1
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0
    if (byte !== 0) out[at++] = byte
    const full = at - codeAt === 255
    if (byte !== 0 && !(full && i + 1 < bytes.length)) continue
    out[codeAt] = at - codeAt
    codeAt = at++
  }
  out[codeAt] = at - codeAt
  return out.slice(0, at)
}

/** The bytes before `cobsEncode`, or undefined when a distance leads outside. */
export function cobsDecode(encoded: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(encoded.length)
  let written = 0
  for (let at = 0; at < encoded.length; ) {
    const code = encoded[at] ?? 0
    if (code === 0 || at + code > encoded.length) return undefined
    const run = encoded.subarray(at + 1, at + code)
    if (run.includes(0)) return undefined
    out.set(run, written)
    written += run.length
    at += code
    if (code < 255 && at < encoded.length) written++
  }
  return out.slice(0, written)
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value >>> 0
})

/** CRC-32/ISO-HDLC, the one of zip and Ethernet; "123456789" gives 0xcbf43926. */
export function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) sum = (sum >>> 8) ^ (crcTable[(sum ^ byte) & 0xff] ?? 0)
  return (sum ^ 0xffffffff) >>> 0
}

function crc32Bytes(bytes: Uint8Array): Uint8Array {
  const sum = new Uint8Array(crcBytes)
  new DataView(sum.buffer).setUint32(0, crc32(bytes))
  return sum
}
