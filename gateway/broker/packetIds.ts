/**
 * Packet ids of the messages that are sent to one client: one that is not acknowledged is never
 * given again (MQTT 3.1.1 section 2.3.1).
 * @module
 */
import { assert } from '../../protocol/assert.ts'

/** Ids are 1 to 65,535. */
const IDS = 65_535

export type PacketIds = {
  /** The next id, or 0 when as many as allowed are not acknowledged. */
  readonly take: () => number
  /** False when the id was not waiting for an acknowledgement. */
  readonly release: (id: number) => boolean
  readonly hasRoom: () => boolean
}

/**
 * Clients acknowledge in the order of the messages (section 4.6), so that two counters do. What is
 * acknowledged early is remembered; the window moves on when its oldest message is acknowledged.
 */
export function createPacketIds(unacknowledgedMax: number): PacketIds {
  assert(unacknowledgedMax < IDS, 'more messages than packet ids')
  let oldest = 0
  let next = 0
  let early: Set<number> | undefined
  const release = (id: number) => {
    const age = (id - 1 - (oldest % IDS) + IDS) % IDS
    const number = oldest + age
    if (id < 1 || number >= next || early?.has(number)) return false
    if (age > 0) {
      early ??= new Set()
      early.add(number)
      return true
    }
    oldest += 1
    while (early?.delete(oldest)) oldest += 1
    return true
  }
  return {
    take: () => (next - oldest < unacknowledgedMax ? (next++ % IDS) + 1 : 0),
    release,
    hasRoom: () => next - oldest < unacknowledgedMax,
  }
}
