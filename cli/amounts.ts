/**
 * Amounts on the command line.
 * @module
 */
import { minorUnits, readAmountText } from '../fleet/amountText.ts'
import type { Asset } from '../protocol/amount.ts'
import { UsageError } from './exitCodes.ts'

/**
 * Minor units of what was typed: `5000`, `50EUR`, `0.25EUR`.
 * @param asset undefined when it is not known; then only minor units can be read
 * @throws UsageError naming what was typed
 */
export function typedAmount(typed: string, asset: Asset | undefined): bigint {
  const written = readAmountText(typed)
  if (written === undefined) {
    throw new UsageError(`"${typed}" is no amount; write minor units (5000) or 50EUR`)
  }
  if (asset === undefined && written.code !== undefined) {
    throw new UsageError(`"${typed}" needs the scale of its asset; give --config or minor units`)
  }
  const value = minorUnits(written, asset ?? { code: '', scale: 0 })
  if (value !== undefined) return value
  const { code, scale } = asset ?? { code: 'the asset', scale: 0 }
  throw new UsageError(`"${typed}" is no amount of ${code}, which has ${scale} decimals`)
}
