/**
 * Bounds of the store, with their reasons. Operators may change those in `JournalLimits`.
 * @module
 */

/** A segment is dropped or checked as a whole, so it stays small enough to hold in memory. */
export const SEGMENT_BYTES = 64 * 1024 * 1024
/** One group commit: 65,536 channels with the newest state of each, and room to spare. */
export const RECORD_BYTES_MAX = 32 * 1024 * 1024
/** Below this share of free space no new service is given; settling needs little and goes on. */
export const FREE_SHARE_MIN = 0.05
/** Callbacks waiting for a flush: 65,536 sessions with 16 messages in flight each. */
export const COMMIT_WAITING_MAX = 65_536 * 16
/** Snapshots kept on disk: the newest, and the one before in case the newest is damaged. */
export const SNAPSHOTS_KEPT = 2
/** Past lives of a store that its file remembers; peers only ask about recent ones. */
export const LIVES_KEPT = 64

export type JournalLimits = {
  readonly segmentBytes: number
  readonly recordBytesMax: number
  readonly freeShareMin: number
}

export const defaultJournalLimits: JournalLimits = {
  segmentBytes: SEGMENT_BYTES,
  recordBytesMax: RECORD_BYTES_MAX,
  freeShareMin: FREE_SHARE_MIN,
}
