/**
 * The bytes of `down/ack`, written by hand: with thousands of acknowledgements a second the general
 * encoder took more time than the checks on the ticks that they answer. Byte for byte what
 * `encodeAck` makes.
 * @module
 */
import { assert } from './assert.ts'
import { TICKS_PER_MESSAGE_MAX, WIRE_VERSION } from './limits.ts'
import type { AckEntry, Mark } from './messages.ts'
import { supplyLevels, supplyReasons } from './reasons.ts'

/** The first `count` of `entries` as one message of its own bytes. */
export type AckEncoder = (mark: Mark, entries: readonly AckEntry[], count: number) => Uint8Array

const UNSIGNED = 0x00
const BYTES = 0x40
const ARRAY = 0x80
/** Version, mark, two array heads; then slot, epoch, index, supply of each entry. */
const MESSAGE_BYTES_MAX = 64 + TICKS_PER_MESSAGE_MAX * 16

/** An encoder with a buffer of its own; the acknowledgements of a batch share one mark. */
export function createAckEncoder(): AckEncoder {
  const buffer = new Uint8Array(MESSAGE_BYTES_MAX)
  let known: Mark | undefined
  let markEnd = 0
  return (mark, entries, count) => {
    assert(count <= TICKS_PER_MESSAGE_MAX, 'an acknowledgement has at most one entry for a slot')
    if (mark !== known) {
      markEnd = writeMark(buffer, mark)
      known = mark
    }
    let end = writeHead(buffer, markEnd, ARRAY, count)
    for (let place = 0; place < count; place++) {
      const entry = entries[place]
      assert(entry !== undefined, 'the entries are there')
      end = writeEntry(buffer, end, entry)
    }
    return buffer.slice(0, end)
  }
}

function writeMark(buffer: Uint8Array, { life, position, seal }: Mark): number {
  let end = writeHead(buffer, 0, ARRAY, 3)
  end = writeHead(buffer, end, UNSIGNED, WIRE_VERSION)
  end = writeHead(buffer, end, ARRAY, 3)
  end = writeBytes(buffer, end, life)
  end = writeHead(buffer, end, UNSIGNED, position)
  return writeBytes(buffer, end, seal)
}

function writeEntry(buffer: Uint8Array, at: number, { slot, epoch, index, supply }: AckEntry) {
  let end = writeHead(buffer, at, ARRAY, 4)
  end = writeHead(buffer, end, UNSIGNED, slot)
  end = writeHead(buffer, end, UNSIGNED, epoch)
  end = writeHead(buffer, end, UNSIGNED, index)
  end = writeHead(buffer, end, ARRAY, 2)
  end = writeHead(buffer, end, UNSIGNED, supplyLevels.indexOf(supply.level))
  return writeHead(buffer, end, UNSIGNED, supplyReasons.indexOf(supply.reason))
}

function writeBytes(buffer: Uint8Array, at: number, bytes: Uint8Array): number {
  const start = writeHead(buffer, at, BYTES, bytes.length)
  buffer.set(bytes, start)
  return start + bytes.length
}

/** The shortest head (RFC 8949 section 4.2) of a type and its argument; returns where it ends. */
function writeHead(buffer: Uint8Array, at: number, type: number, argument: number): number {
  assert(argument >= 0 && Number.isSafeInteger(argument), 'an argument is an exact whole number')
  if (argument < 24) {
    buffer[at] = type | argument
    return at + 1
  }
  if (argument < 0x100) return writeWide(buffer, at, type | 24, argument, 1)
  if (argument < 0x1_0000) return writeWide(buffer, at, type | 25, argument, 2)
  if (argument < 0x1_0000_0000) return writeWide(buffer, at, type | 26, argument, 4)
  return writeWide(buffer, at, type | 27, argument, 8)
}

function writeWide(
  buffer: Uint8Array,
  at: number,
  first: number,
  argument: number,
  width: number,
): number {
  buffer[at] = first
  let rest = argument
  for (let place = at + width; place > at; place--) {
    buffer[place] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return at + 1 + width
}
