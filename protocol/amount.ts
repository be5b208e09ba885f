/**
 * Amounts (minor units of an asset) and units (a meter's base unit): unsigned 64-bit, never a
 * float. On JSON both are decimal strings.
 * @module
 */
import { AMOUNT_MAX, ASSET_SCALE_MAX } from './limits.ts'

declare const amountBrand: unique symbol
declare const unitsBrand: unique symbol
/** Minor units of an asset, 0 to 2^64 - 1. */
export type Amount = bigint & { readonly [amountBrand]: true }
/** Base units of a meter (Wh, mL, s, kB), 0 to 2^64 - 1. */
export type Units = bigint & { readonly [unitsBrand]: true }

/** What is paid with: `scale` decimals stand behind the point. */
export type Asset = { readonly code: string; readonly scale: number }

/** True for 0 to 2^64 - 1. */
export function isUint64(value: bigint): boolean {
  return value >= 0n && value <= AMOUNT_MAX
}

/** A checked amount; out of range is a bug of the caller and throws RangeError. */
export function amount(value: bigint): Amount {
  if (!isUint64(value)) throw new RangeError(`amount out of range: ${value}`)
  return value as Amount
}

/** Checked units; out of range is a bug of the caller and throws RangeError. */
export function units(value: bigint): Units {
  if (!isUint64(value)) throw new RangeError(`units out of range: ${value}`)
  return value as Units
}

/** Reads a decimal string such as "1200"; undefined unless it is canonical and below 2^64. */
export function parseUint64(text: string): bigint | undefined {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(text)) return undefined
  const value = BigInt(text)
  return isUint64(value) ? value : undefined
}

/** True for an asset code of 1 to 12 capital letters or digits and a scale of 0 to 9. */
export function isAsset(asset: Asset): boolean {
  return (
    /^[A-Z][A-Z0-9]{0,11}$/.test(asset.code) &&
    Number.isInteger(asset.scale) &&
    asset.scale >= 0 &&
    asset.scale <= ASSET_SCALE_MAX
  )
}

/** For people: `formatAmount(1234567n, {code: 'EUR', scale: 6})` is "1.234567 EUR". */
export function formatAmount(value: bigint, asset: Asset): string {
  const sign = value < 0n ? '-' : ''
  const digits = (value < 0n ? -value : value).toString().padStart(asset.scale + 1, '0')
  const point = digits.length - asset.scale
  const fraction = asset.scale > 0 ? `.${digits.slice(point)}` : ''
  return `${sign}${digits.slice(0, point)}${fraction} ${asset.code}`
}
