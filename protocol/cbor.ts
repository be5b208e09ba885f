/**
 * Deterministic CBOR (RFC 8949 section 4.2), arrays only: no maps, tags, floats or indefinite
 * lengths. What is received is scanned before it is decoded, and re-encoded and compared after,
 * because the library alone accepts longer forms of the same value.
 * @module
 */
import { Decoder, Encoder } from 'cbor-x'
import { equalBytes } from './bytes.ts'
import { CBOR_DEPTH_MAX, PACKET_BYTES_MAX } from './limits.ts'

export type WireValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly WireValue[]

const options = {
  useRecords: false,
  tagUint8Array: false,
  mapsAsObjects: false,
  variableMapSize: true,
  /** What is decoded may be kept for long; the packet it came in should not be. */
  copyBuffers: true,
} as const
const encoder = new Encoder(options)
const decoder = new Decoder(options)

/** Integers below 2^32 must go in as numbers and larger ones as bigint to come out shortest. */
function normalise(value: WireValue): WireValue {
  if (typeof value === 'number' || typeof value === 'bigint') return normaliseInteger(value)
  if (Array.isArray(value)) return value.map(normalise)
  return value
}

function normaliseInteger(value: number | bigint): number | bigint {
  // Nearly all are, and comparing a number with a bigint takes longer than all of this.
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32) {
    return value
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`not an exact integer: ${value}`)
  }
  if (value < 0 || value >= 1n << 64n) throw new RangeError(`not a 64-bit unsigned: ${value}`)
  return value < 2 ** 32 ? Number(value) : BigInt(value)
}

/** The one encoding of `value`; negative numbers and fractions are bugs and throw RangeError. */
export function encodeCbor(value: WireValue): Uint8Array {
  return new Uint8Array(encoder.encode(normalise(value)))
}

/** Decodes the one encoding; undefined for anything else, whatever the bytes. */
export function decodeCbor(
  bytes: Uint8Array,
  maxBytes: number = PACKET_BYTES_MAX,
): WireValue | undefined {
  const value = decodeStored(bytes, maxBytes)
  try {
    return value !== undefined && equalBytes(encodeCbor(value), bytes) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Decodes what `encodeCbor` of this very program wrote and nobody else can have: its own store. To
 * encode it again and compare takes two thirds of the time. Undefined for what is not well formed.
 */
export function decodeStored(bytes: Uint8Array, maxBytes: number): WireValue | undefined {
  if (bytes.length === 0 || bytes.length > maxBytes || !isStrict(bytes)) return undefined
  try {
    // The library keeps a view of what it reads on the array itself: it gets its own.
    return decoder.decode(new Uint8Array(bytes)) as WireValue
  } catch {
    return undefined
  }
}

const UNSIGNED = 0
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const SIMPLE = 7
const FALSE = 20
const NULL = 22

/** One pass, no recursion: a hostile nesting costs nothing. */
function isStrict(bytes: Uint8Array): boolean {
  const remaining: number[] = [1]
  let offset = 0
  while (remaining.length > 0) {
    const depth = remaining.length - 1
    const left = remaining[depth] ?? 0
    if (left === 0) {
      remaining.pop()
      continue
    }
    remaining[depth] = left - 1
    const head = readHead(bytes, offset)
    if (head === undefined) return false
    offset = head.end
    if (head.major === ARRAY) {
      if (depth >= CBOR_DEPTH_MAX || head.argument > bytes.length) return false
      remaining.push(head.argument)
    } else if (head.major === BYTES || head.major === TEXT) {
      offset += head.argument
      if (offset > bytes.length) return false
    }
  }
  return offset === bytes.length
}

type Head = { readonly major: number; readonly argument: number; readonly end: number }

/** The type and shortest-form argument at `offset`; undefined for what the profile leaves out. */
function readHead(bytes: Uint8Array, offset: number): Head | undefined {
  const first = bytes[offset]
  if (first === undefined) return undefined
  const major = first >> 5
  const low = first & 31
  if (major === SIMPLE) {
    return low >= FALSE && low <= NULL ? { major, argument: low, end: offset + 1 } : undefined
  }
  if (major !== UNSIGNED && major !== BYTES && major !== TEXT && major !== ARRAY) return undefined
  if (low < 24) return { major, argument: low, end: offset + 1 }
  if (low > 27) return undefined
  const width = 1 << (low - 24)
  const end = offset + 1 + width
  if (end > bytes.length) return undefined
  let argument = 0
  for (let i = offset + 1; i < end; i++) argument = argument * 256 + (bytes[i] ?? 0)
  const shortest = low === 24 ? 24 : 2 ** (4 * width)
  return argument >= shortest ? { major, argument, end } : undefined
}
