/**
 * When mandates begin. Nearly all have begun when they arrive, so no channel has a column for it:
 * the latest beginning stands for all of those, and the others are few.
 * @module
 */
import type { WireValue } from '../../protocol/cbor.ts'
import type { Row } from './eventCodec.ts'

export type MandateStarts = {
  /** No mandate that had begun when it arrived begins later than this. */
  latestSeconds: number
  /** Channels whose mandate had not begun when it arrived. */
  readonly ahead: Map<number, number>
}

export function noStarts(): MandateStarts {
  return { latestSeconds: 0, ahead: new Map() }
}

export function noteStart(
  starts: MandateStarts,
  channel: number,
  notBeforeSeconds: number,
  nowSeconds: number,
): void {
  starts.ahead.delete(channel)
  if (notBeforeSeconds > nowSeconds) starts.ahead.set(channel, notBeforeSeconds)
  else starts.latestSeconds = Math.max(starts.latestSeconds, notBeforeSeconds)
}

/** True says that the mandate of the channel has begun; false says nothing. */
export function hasPlainlyBegun(starts: MandateStarts, channel: number, nowSeconds: number) {
  if (nowSeconds < starts.latestSeconds) return false
  return starts.ahead.size === 0 || !starts.ahead.has(channel)
}

export function startsToWire({ latestSeconds, ahead }: MandateStarts): WireValue[] {
  return [latestSeconds, [...ahead].map(([channel, seconds]) => [channel, seconds])]
}

/** Older snapshots have none: what they know of has begun long ago. */
export function readStarts(row: Row): MandateStarts {
  const starts = noStarts()
  if (row.isOver()) return starts
  starts.latestSeconds = row.integer()
  row.rows((one) => starts.ahead.set(one.integer(), one.integer()))
  return starts
}
