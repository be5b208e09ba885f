/**
 * The CBOR decoder against a naive one, written from RFC 8949 and the profile alone.
 * @module
 */
import { bytesToHex, concatBytes, equalBytes } from '../../../protocol/bytes.ts'
import type { WireValue } from '../../../protocol/cbor.ts'
import { decodeCbor, encodeCbor } from '../../../protocol/cbor.ts'
import type { Dice } from '../dice.ts'
import { perhapsDamaged } from '../dice.ts'
import type { Target } from '../target.ts'

const interesting = [0n, 1n, 23n, 24n, 255n, 256n, 65_535n, 65_536n, 4_294_967_295n, 4_294_967_296n]
const uint64Max = (1n << 64n) - 1n

/** Any value of the profile, nested at most `depth` times. */
export function someValue(dice: Dice, depth: number): WireValue {
  switch (dice.below(depth > 0 ? 9 : 6)) {
    case 0:
      return dice.pick([...interesting, uint64Max, 9_007_199_254_740_992n])
    case 1:
      return dice.below(300)
    case 2:
      return dice.pick([true, false, null])
    case 3:
      return dice.bytes(dice.size(40))
    case 4:
      return dice.pick(['', 'Wh', 'm³', '\ufeff', '\u0000', '𐅑', 'energy', '__proto__'])
    case 5:
      return String.fromCodePoint(...Array.from({ length: dice.size(8) }, () => someChar(dice)))
    default:
      return Array.from({ length: dice.size(6) }, () => someValue(dice, depth - 1))
  }
}

function someChar(dice: Dice): number {
  const char = dice.below(0x11_0000)
  return char >= 0xd800 && char < 0xe000 ? 0x20 : char
}

/** A head of any type and width, shortest or not, often with a length that is not there. */
function someHead(dice: Dice): Uint8Array {
  const width = dice.pick([0, 1, 2, 4, 8])
  const low = width === 0 ? dice.below(32) : 24 + Math.log2(width)
  return concatBytes(Uint8Array.of((dice.below(8) << 5) | low), dice.bytes(width))
}

function generate(dice: Dice): Uint8Array {
  if (dice.oneIn(8)) {
    return concatBytes(...Array.from({ length: 1 + dice.size(6) }, () => someHead(dice)))
  }
  const value = encodeCbor(someValue(dice, 1 + dice.below(5)))
  // Deeper than the encoder is ever asked to go.
  const nested = dice.oneIn(12) ? new Uint8Array(dice.size(3_000)).fill(0x81) : new Uint8Array(0)
  return perhapsDamaged(dice, concatBytes(nested, value))
}

type Read = { readonly value: WireValue; readonly end: number }

/** Reads one item as slowly and plainly as can be. */
function readItem(bytes: Uint8Array, at: number, depth: number): Read | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  const low = first & 31
  const major = first >> 5
  if (major === 7) {
    const simple: Readonly<Record<number, WireValue>> = { 20: false, 21: true, 22: null }
    const value = simple[low]
    return value === undefined ? undefined : { value, end: at + 1 }
  }
  const width = low < 24 ? 0 : { 24: 1, 25: 2, 26: 4, 27: 8 }[low]
  if (width === undefined || at + 1 + width > bytes.length) return undefined
  const written = bytesToHex(bytes.subarray(at + 1, at + 1 + width))
  const argument = width === 0 ? BigInt(low) : BigInt(`0x${written}`)
  const least = { 0: 0n, 1: 24n, 2: 256n, 4: 65_536n, 8: 4_294_967_296n }[width] ?? 0n
  if (argument < least) return undefined
  const start = at + 1 + width
  if (major === 0) return { value: argument, end: start }
  if (major === 4) return readArray(bytes, start, argument, depth)
  if (major !== 2 && major !== 3) return undefined
  if (argument > BigInt(bytes.length - start)) return undefined
  const end = start + Number(argument)
  const content = bytes.slice(start, end)
  const value = major === 2 ? content : readText(content)
  return value === undefined ? undefined : { value, end }
}

function readArray(
  bytes: Uint8Array,
  start: number,
  count: bigint,
  depth: number,
): Read | undefined {
  if (depth === 0 || count > BigInt(bytes.length)) return undefined
  const value: WireValue[] = []
  let end = start
  for (let left = Number(count); left > 0; left--) {
    const item = readItem(bytes, end, depth - 1)
    if (!item) return undefined
    value.push(item.value)
    end = item.end
  }
  return { value, end }
}

function readText(content: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    return undefined
  }
}

/** Integers alike, bytes as hex. */
function plain(value: WireValue | undefined): unknown {
  if (value === undefined) return 'refused'
  if (typeof value === 'number' || typeof value === 'bigint') return `${value}`
  if (typeof value === 'string') return `text ${value}`
  if (value instanceof Uint8Array) return `bytes ${bytesToHex(value)}`
  return Array.isArray(value) ? value.map(plain) : value
}

function check(input: Uint8Array): string | undefined {
  const before = input.slice()
  const ours = decodeCbor(input)
  if (!equalBytes(before, input)) return 'the input was written to'
  const read = input.length <= 4_096 ? readItem(input, 0, 4) : undefined
  const expected = read?.end === input.length ? read.value : undefined
  const [one, other] = [JSON.stringify(plain(ours)), JSON.stringify(plain(expected))]
  if (one !== other) return `decoded as ${one.slice(0, 200)}, expected ${other.slice(0, 200)}`
  if (ours === undefined) return undefined
  return equalBytes(encodeCbor(ours), input) ? undefined : 'encodes to other bytes'
}

export const cborTarget: Target = { name: 'cbor', quickRuns: 4_000, generate, check }
