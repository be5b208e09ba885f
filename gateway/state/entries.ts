/**
 * What the journal holds: one event, or the newest state of each channel that moved in a batch.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import type { WordPlace } from '../../protocol/chain.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { decodeEvent, eventToWire } from './eventCodec.ts'
import type { GatewayEvent } from './events.ts'

/** Largest entry: a settlement of 4,096 items. */
export const ENTRY_BYTES_MAX = 1 << 20
const TICKS = 1
const EVENT = 2
const HEADER_BYTES = 9
const MOVE_BYTES = 12 + WORD_BYTES

/** The newest state of one channel that moved. */
export type Move = {
  readonly channel: number
  readonly epoch: number
  readonly index: number
  readonly word: Uint8Array
}

export type Entry =
  | { readonly kind: 'moves'; readonly seconds: number; readonly moves: readonly Move[] }
  | { readonly kind: 'event'; readonly seconds: number; readonly event: GatewayEvent }

/** What an entry of moves copies from. */
export type MovedColumns = {
  readonly epoch: Uint32Array
  readonly index: Uint32Array
  /** 32 bytes a channel. */
  readonly word: Uint8Array
}

/**
 * Makes entries of moves: the newest state of `channels[from, to)`. What one call returns is only
 * valid until the next.
 */
export type MovesEncoder = (
  seconds: number,
  columns: MovedColumns,
  channels: Uint32Array,
  from: number,
  to: number,
) => Uint8Array

export function createMovesEncoder(): MovesEncoder {
  let entry = new Uint8Array(0)
  let view = new DataView(entry.buffer)
  return (seconds, { epoch, index, word }, channels, from, to) => {
    const length = HEADER_BYTES + (to - from) * MOVE_BYTES
    if (length > entry.length) {
      entry = new Uint8Array(2 * length)
      view = new DataView(entry.buffer)
    }
    entry[0] = TICKS
    view.setFloat64(1, seconds)
    let offset = HEADER_BYTES
    for (let place = from; place < to; place++, offset += MOVE_BYTES) {
      const channel = channels[place] ?? 0
      view.setUint32(offset, channel)
      view.setUint32(offset + 4, epoch[channel] ?? 0)
      view.setUint32(offset + 8, index[channel] ?? 0)
      const wordAt = channel * WORD_BYTES
      for (let i = 0; i < WORD_BYTES; i++) entry[offset + 12 + i] = word[wordAt + i] ?? 0
    }
    return entry.subarray(0, length)
  }
}

export function encodeEvent(seconds: number, event: GatewayEvent): Uint8Array {
  const body = encodeCbor(eventToWire(event))
  const entry = new Uint8Array(HEADER_BYTES + body.length)
  entry[0] = EVENT
  new DataView(entry.buffer).setFloat64(1, seconds)
  entry.set(body, HEADER_BYTES)
  return entry
}

/** Reads an entry that this program wrote; anything else is a bug or a newer version. */
export function decodeEntry(entry: Uint8Array): Entry {
  const seconds = new DataView(entry.buffer, entry.byteOffset).getFloat64(1)
  const body = entry.subarray(HEADER_BYTES)
  if (entry[0] === TICKS) return { kind: 'moves', seconds, moves: readMoves(body) }
  assert(entry[0] === EVENT, 'a journal entry is of a known kind')
  return { kind: 'event', seconds, event: decodeEvent(body, ENTRY_BYTES_MAX) }
}

/**
 * Calls `visit` for each move of an entry of moves, with a step that is only valid until it
 * returns; false for any other entry.
 */
export function visitMoves(
  entry: Uint8Array,
  visit: (channel: number, step: WordPlace & { readonly epoch: number }, seconds: number) => void,
): boolean {
  if (entry[0] !== TICKS) return false
  assert((entry.length - HEADER_BYTES) % MOVE_BYTES === 0, 'a tick entry holds whole moves')
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length)
  const seconds = view.getFloat64(1)
  const step = { epoch: 0, index: 0, bytes: entry, at: 0 }
  for (let offset = HEADER_BYTES; offset < entry.length; offset += MOVE_BYTES) {
    step.epoch = view.getUint32(offset + 4)
    step.index = view.getUint32(offset + 8)
    step.at = offset + 12
    visit(view.getUint32(offset), step, seconds)
  }
  return true
}

function readMoves(body: Uint8Array): readonly Move[] {
  assert(body.length % MOVE_BYTES === 0, 'a tick entry holds whole moves')
  const moves: Move[] = []
  for (let offset = 0; offset < body.length; offset += MOVE_BYTES) {
    const view = new DataView(body.buffer, body.byteOffset + offset, MOVE_BYTES)
    moves.push({
      channel: view.getUint32(0),
      epoch: view.getUint32(4),
      index: view.getUint32(8),
      word: body.slice(offset + 12, offset + MOVE_BYTES),
    })
  }
  return moves
}
