/**
 * A byte stream to a broker, as the bridge sees it.
 * @module
 */

export type WireEvents = {
  /** `bytes` are only valid until this returns. */
  readonly onData: (bytes: Uint8Array) => void
  /** Once, with why; nothing follows. */
  readonly onClose: (reason: string) => void
}

export type Wire = {
  /** Takes a copy where it has to wait. */
  readonly write: (bytes: Uint8Array) => void
  /** Bytes written that have not left this process. */
  readonly waitingBytes: () => number
  /** Stops and goes on with reading. */
  readonly pause: () => void
  readonly resume: () => void
  /** Closes after what was written has left. */
  readonly end: () => void
  readonly destroy: () => void
}

/** Opens one stream; rejects with a readable reason. */
export type WireOpener = (events: WireEvents) => Promise<Wire>
