/**
 * What the journal holds: one event, or the newest state of each channel that moved in a batch.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
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

/** Room for `count` moves; fill it with `writeMove`. */
export function makeMoves(seconds: number, count: number): Uint8Array {
  const entry = new Uint8Array(HEADER_BYTES + count * MOVE_BYTES)
  entry[0] = TICKS
  new DataView(entry.buffer).setFloat64(1, seconds)
  return entry
}

export function writeMove(entry: Uint8Array, place: number, move: Move): void {
  const offset = HEADER_BYTES + place * MOVE_BYTES
  const view = new DataView(entry.buffer, entry.byteOffset + offset, MOVE_BYTES)
  view.setUint32(0, move.channel)
  view.setUint32(4, move.epoch)
  view.setUint32(8, move.index)
  entry.set(move.word, offset + 12)
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
