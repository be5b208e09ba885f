/**
 * Bytes that wait for the rest of a packet. However small the pieces are in which they arrive, each
 * byte is copied a bounded number of times: there is always as much room again as is held.
 * @module
 */

/** Room for the header and a short packet. */
const CAPACITY_BYTES_MIN = 64
const EMPTY = new Uint8Array(0)

export type HeldBytes = {
  /** What is held lies in `bytes[start, end)`; what lies there is never overwritten. */
  readonly bytes: () => Uint8Array
  readonly start: () => number
  readonly end: () => number
  /** Adds a piece. It is kept as it is while it is alone; copied where something waits already. */
  readonly push: (piece: Uint8Array) => void
  /** Lets go of what lies before `start`, soon if not at once. */
  readonly drop: (start: number) => void
  /** Takes what is held out of a large piece, when that costs less than what was let go of. */
  readonly compact: () => void
}

export function createHeldBytes(): HeldBytes {
  let bytes: Uint8Array = EMPTY
  let start = 0
  let end = 0
  /** Room behind `end` may be written to: nobody else knows of it. */
  let isOwn = false

  const move = (capacity: number) => {
    const larger = new Uint8Array(Math.max(CAPACITY_BYTES_MIN, capacity))
    larger.set(bytes.subarray(start, end))
    bytes = larger
    end -= start
    start = 0
    isOwn = true
  }

  return {
    bytes: () => bytes,
    start: () => start,
    end: () => end,
    push: (piece) => {
      const held = end - start
      if (held === 0) {
        bytes = piece
        start = 0
        end = piece.length
        isOwn = false
        return
      }
      if (!isOwn || bytes.length - end < piece.length) move(2 * (held + piece.length))
      bytes.set(piece, end)
      end += piece.length
    },
    drop: (to) => {
      start = to
    },
    compact: () => {
      const held = end - start
      if (held === 0) {
        bytes = EMPTY
        start = 0
        end = 0
      } else if (start >= held) move(held)
    },
  }
}
