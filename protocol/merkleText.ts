/**
 * Leaves of statements in JSON: position, channel id in hex, amount as a decimal string.
 * @module
 */
import { parseUint64 } from './amount.ts'
import { bytesToHex, parseHex } from './bytes.ts'
import { POSITIONS_MAX } from './limits.ts'
import type { StatementLeaf } from './merkle.ts'

export type LeafText = readonly [position: number, channelId: string, amount: string]

export function leafToText({ position, channelId, amount }: StatementLeaf): LeafText {
  return [position, bytesToHex(channelId), amount.toString()]
}

/** Undefined for what is no leaf. */
export function leafFromText([position, id, text]: LeafText): StatementLeaf | undefined {
  const channelId = parseHex(id)
  const amount = parseUint64(text)
  const isPosition = Number.isInteger(position) && position >= 0 && position < POSITIONS_MAX
  if (!isPosition || channelId?.length !== 32 || amount === undefined) return undefined
  return { position, channelId, amount }
}
