/**
 * Amounts as people write them: `50EUR`, `0.25 EUR`, or minor units as a bare number.
 * @module
 */
import { type Asset, isUint64 } from '../protocol/amount.ts'

/** What was written, before it is known which asset it is meant for. */
export type AmountText = {
  /** All digits, without the point. */
  readonly digits: bigint
  /** How many of them stand behind the point. */
  readonly decimals: number
  /** Undefined for minor units. */
  readonly code: string | undefined
}

/** Reads an amount; undefined when it is none. A point needs a code behind it. */
export function readAmountText(text: string): AmountText | undefined {
  const match = /^([0-9]{1,20})(?:\.([0-9]{1,9}))?(?: ?([A-Z][A-Z0-9]{0,11}))?$/.exec(text.trim())
  if (match === null) return undefined
  const [, whole = '', fraction = '', code] = match
  if (fraction !== '' && code === undefined) return undefined
  return { digits: BigInt(whole + fraction), decimals: fraction.length, code }
}

/** Minor units of `asset`; undefined for another code, too many decimals or 2^64 and more. */
export function minorUnits(written: AmountText, asset: Asset): bigint | undefined {
  if (written.code === undefined) return isUint64(written.digits) ? written.digits : undefined
  if (written.code !== asset.code || written.decimals > asset.scale) return undefined
  const value = written.digits * 10n ** BigInt(asset.scale - written.decimals)
  return isUint64(value) ? value : undefined
}
