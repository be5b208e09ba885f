/**
 * The short way of one device's ticks: from the bytes they arrived in to the gateway, and back as
 * one acknowledgement for all of a batch.
 * @module
 */
import { assert } from '../../../protocol/assert.ts'
import { utf8ToBytes } from '../../../protocol/bytes.ts'
import type { BrokerHandlers, Identity } from '../broker.ts'
import type { Pubacks } from '../pubacks.ts'

export type Lane = {
  /** UTF-8. */
  readonly topic: Uint8Array
  /** Takes the ticks in `bytes[start, end)`; acknowledges them when they are durable. */
  readonly take: (bytes: Uint8Array, start: number, end: number, packetId: number) => void
}

/** Tickets of the messages that become durable together: `[from, end)`. */
type Batch = { readonly number: number; readonly from: number; end: number }

/** Undefined when the session has none. `flush` writes what was gathered for the client. */
export function openLane(
  handlers: BrokerHandlers,
  identity: Identity,
  sessionId: string,
  pubacks: Pubacks,
  flush: () => void,
): Lane | undefined {
  const lane = handlers.openLane?.(identity, sessionId)
  if (!lane) return undefined
  const { whenDurable, batch: batchNumber } = handlers
  assert(whenDurable !== undefined && batchNumber !== undefined, 'a lane comes with its batches')
  let forming: Batch | undefined
  return {
    topic: utf8ToBytes(lane.topic),
    take: (bytes, start, end, packetId) => {
      lane.take(bytes, start, end)
      const ticket = pubacks.expectTogether(packetId)
      // Asked after the ticks were taken: should they have begun a batch, it is that one.
      const number = batchNumber()
      if (forming?.number === number) {
        forming.end = ticket + 1
        return
      }
      const batch: Batch = { number, from: ticket, end: ticket + 1 }
      forming = batch
      whenDurable(() => {
        if (forming === batch) forming = undefined
        pubacks.settleTogether(batch.from, batch.end)
        // What the gateway says of this batch was gathered just before.
        flush()
      })
    },
  }
}
